"""Strict JSON for request bodies: what two readers could read differently is an error.

The value is made of dict, list, str, int, Decimal, bool and None. Numbers with a fraction or an exponent become
Decimal, so that nothing passes through floats. Text is NFC and free of control characters; keys are unique after that.

Most bodies take one pass of the C scanner behind a few searches at memory speed. Only a body that might break a rule
is read a second time and rebuilt value by value, by code that knows where it is and so can point at the fault.
"""

import json
import re
import sys
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from app.domain.errors import Code

MAX_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 18
MAX_NUMBER_LENGTH: Final = 40
# Unicode's Stream-Safe limit. Sorting a longer run is quadratic: 20,000 marks take a second, a megabyte many minutes.
MAX_COMBINING_MARKS: Final = 30
MAX_POINTER_KEY_LENGTH: Final = 128

_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# These searches begin with a literal byte, which makes them run at memory speed. Escaped Latin letters, which some
# clients write for every accent, neither are forbidden nor compose with each other.
_DOUBTFUL_ESCAPE: Final = re.compile(
    rb"\\(?:[bf]|u(?!0(?:0(?:[2-6a-fA-F][0-9a-fA-F]|7[0-9a-eA-E])|[12][0-9a-fA-F]{2})))"
)
_C1_CONTROL: Final = re.compile(rb"\xc2[\x80-\x9f]")
_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
# An unended string matches too; with the closing quote required, many of them would cost quadratic time.
_STRING: Final = re.compile(rb'"[^"]*"?')
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'"[]{}'))
_ONE_BRACKET: Final = bytes.maketrans(b"{}", b"[]")
# The only marks that count as starters and yet decompose into marks; Unicode promises never to add to them.
_DECOMPOSING_MARKS: Final = "\u0f73\u0f75\u0f81"

_FLOAT_MAX: Final = Decimal(sys.float_info.max)
_FLOAT_EXPONENTS: Final = range(-324, 309)


class StrictJsonError(ValueError):
    """A document that is refused.

    Attributes:
        code: What is wrong.
        pointer: RFC 6901 pointer to the place; empty for the whole document.
        message: The remedy. It never repeats a value of the document.
    """

    def __init__(self, code: Code, pointer: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer
        self.message = message


def loads(data: bytes) -> Any:
    """Parse a JSON document.

    Args:
        data: The document, UTF-8 without a byte order mark.

    Returns:
        The value; numbers that are not plain integers are Decimal.

    Raises:
        StrictJsonError: The document is not JSON, or breaks one of the rules above. Nothing else is raised.
    """
    text = _decode(data)
    if not _is_shallow(data):
        # Either too deep or unbalanced, which the scanner can tell.
        _scan(_CAREFUL, text)
        raise _too_deep()
    if _is_clean(data, text):
        try:
            return _scan(_FAST, text)
        except _Suspicion:
            pass
    return _rebuild(_scan(_CAREFUL, text), [])


def clean_text(text: str) -> str:
    """A text that came by another way than JSON, in NFC.

    Raises:
        StrictJsonError: It has control characters, or more combining marks than can be meant.
    """
    if text.isascii() and not _FORBIDDEN.search(text):
        return text
    return _clean_text(text, [], "The text")


class _Suspicion(Exception):  # noqa: N818 - a signal to read again, not an error
    """The fast reading met what only the careful one can tell the place of."""


class _Pairs(list[tuple[str, Any]]):
    """An object whose keys have not been checked yet."""

    __slots__ = ()


class _BadNumber:
    """Stands where a number was refused, until the rebuilding comes by and knows the place."""

    __slots__ = ("code", "message")

    def __init__(self, message: str, code: Code = Code.number_out_of_range) -> None:
        self.message = message
        self.code = code


_LONG_INTEGER: Final = _BadNumber(f"Use at most {MAX_INTEGER_DIGITS} digits, or send the number as a string.")
_LONG_NUMBER: Final = _BadNumber(f"Use at most {MAX_NUMBER_LENGTH} characters, or send the number as a string.")
_HUGE_NUMBER: Final = _BadNumber("Use a number within the range of a 64-bit float.")
_NOT_A_NUMBER: Final = _BadNumber("NaN and Infinity are not JSON; use a number or null.", Code.malformed_json)


def _integer(text: str) -> int | _BadNumber:
    if len(text) > MAX_INTEGER_DIGITS and len(text.lstrip("-")) > MAX_INTEGER_DIGITS:
        return _LONG_INTEGER
    return int(text)


def _decimal(text: str) -> Decimal | _BadNumber:
    if len(text) > MAX_NUMBER_LENGTH:
        return _LONG_NUMBER
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _HUGE_NUMBER
    # Both: a zero may have any exponent, and is written out with as many digits later on.
    if number.adjusted() not in _FLOAT_EXPONENTS or number.copy_abs() > _FLOAT_MAX:
        return _HUGE_NUMBER
    return number


def _fast_integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise _Suspicion
    return int(text)


def _fast_decimal(text: str) -> Decimal:
    number = _decimal(text)
    if isinstance(number, _BadNumber):
        raise _Suspicion
    return number


def _fast_constant(_text: str) -> NoReturn:
    raise _Suspicion


def _fast_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Suspicion
    return result


_FAST: Final = json.JSONDecoder(
    object_pairs_hook=_fast_object, parse_int=_fast_integer, parse_float=_fast_decimal, parse_constant=_fast_constant
)
_CAREFUL: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_integer, parse_float=_decimal, parse_constant=lambda _text: _NOT_A_NUMBER
)


def _decode(data: bytes) -> str:
    if not data.startswith(_BYTE_ORDER_MARKS):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise StrictJsonError(Code.not_utf8, "", "Send the body as UTF-8, without a byte order mark.")


def _too_deep() -> StrictJsonError:
    return StrictJsonError(Code.too_deep, "", f"Nest arrays and objects at most {MAX_DEPTH} deep.")


def _is_shallow(data: bytes) -> bool:
    # Most bodies have too few brackets for the question to arise.
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return True
    if b"\\" in data:
        data = _ESCAPE.sub(b"", data)
    # Strings without brackets, nearly all, go by plain replacement: a pair of neighbouring quotes never changes what
    # is inside a string and what is outside.
    structure = data.translate(_ONE_BRACKET, _NO_STRUCTURE).replace(b'""', b"")
    brackets = _STRING.sub(b"", structure)
    for _ in range(MAX_DEPTH):
        # Takes away the innermost level everywhere at once, at memory speed.
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            break
        brackets = rest
    return not brackets


def _is_clean(data: bytes, text: str) -> bool:
    if b"\x7f" in data or (b"\\" in data and _DOUBTFUL_ESCAPE.search(data)):
        return False
    if text.isascii():
        return True
    # Without \\u, no escape can form a letter with what follows it, so strings are NFC when the whole text is.
    return not (b"\\u" in data or _C1_CONTROL.search(data)) and unicodedata.is_normalized("NFC", text)


def _scan(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        what = error.msg.partition(":")[0].removesuffix(" at").removesuffix(" starting")
        where = f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        raise _too_deep() from None
    raise StrictJsonError(Code.malformed_json, "", f"This is not valid JSON at {where}: {what}.")


def _rebuild(node: Any, path: list[str]) -> Any:
    if isinstance(node, str):
        return _clean_text(node, path, "The text")
    if isinstance(node, _Pairs):
        return _rebuild_object(node, path)
    if isinstance(node, list):
        result = []
        for index, item in enumerate(node):
            path.append(str(index))
            result.append(_rebuild(item, path))
            path.pop()
        return result
    if isinstance(node, _BadNumber):
        raise StrictJsonError(node.code, _pointer(path), node.message)
    return node


def _rebuild_object(pairs: _Pairs, path: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for raw_key, item in pairs:
        key = _clean_text(raw_key, path, "A key of this object")
        path.append(key)
        if key in result:
            raise StrictJsonError(Code.duplicate_key, _pointer(path), "The key occurs more than once; keep one.")
        result[key] = _rebuild(item, path)
        path.pop()
    return result


def _clean_text(text: str, path: list[str], what: str) -> str:
    forbidden = _FORBIDDEN.search(text)
    if forbidden is not None:
        if forbidden[0] >= "\ud800":
            message = f"{what} has half of a surrogate pair; send the character whole."
        else:
            message = f"{what} has a control character; only tab, line feed and carriage return are allowed."
        raise StrictJsonError(Code.invalid_text, _pointer(path), message)
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    if _longest_run_of_marks(text) > MAX_COMBINING_MARKS:
        message = f"{what} has more than {MAX_COMBINING_MARKS} combining marks in a row."
        raise StrictJsonError(Code.invalid_text, _pointer(path), message)
    return unicodedata.normalize("NFC", text)


def _longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) or character in _DECOMPOSING_MARKS else 0
        longest = max(longest, run)
    return longest


def _pointer(path: list[str]) -> str:
    """Point at the place, or at its nearest ancestor where a key is too long to be repeated."""
    segments = []
    for key in path:
        if len(key) > MAX_POINTER_KEY_LENGTH:
            break
        segments.append("/" + key.replace("~", "~0").replace("/", "~1"))
    return "".join(segments)
