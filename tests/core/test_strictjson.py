import json
import sys
import time
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core import strictjson
from app.core.strictjson import StrictJsonError, loads


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(StrictJsonError) as caught:
        loads(data)
    assert str(caught.value) == caught.value.message
    return str(caught.value.code), caught.value.pointer


def test_reads_every_kind_of_value() -> None:
    body = '{"a": [1, -2, 0, true, false, null], "b": {"c": "Ñandú \\u00e9 \\n"}, "d": "", "e": [], "f": {}}'
    assert loads(body.encode()) == {
        "a": [1, -2, 0, True, False, None],
        "b": {"c": "Ñandú é \n"},
        "d": "",
        "e": [],
        "f": {},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.50", Decimal("1.50")),
        ("1e2", Decimal("1E+2")),
        ("-0.1", Decimal("-0.1")),
        ("1.7976931348623157e308", Decimal("1.7976931348623157e308")),
        ("999999999999999999", 999_999_999_999_999_999),
        ("-999999999999999999", -999_999_999_999_999_999),
    ],
)
def test_numbers_never_pass_through_floats(text: str, value: object) -> None:
    result = loads(text.encode())
    assert (result, type(result), str(result)) == (value, type(value), str(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"[1,]",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a" 1}',
        b"[1 2]",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"1e",
        b"0x10",
        b"tru",
        b"True",
        b'"abc',
        b'"\\x41"',
        b'"\\u12"',
        b'"a\nb"',
        b'"a\x00b"',
        b"1 // one",
        b"[]]",
        b"]" * 100,
        b"[" * 30,
        b"[1" * 30 + b"]" * 40,
        b"\x00",
        b"\xc2\xa01",
    ],
)
def test_what_is_not_json(data: bytes) -> None:
    assert refusal(data) == ("malformed_json", "")


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(token: str) -> None:
    assert refusal(f'{{"a": [0, {token}]}}'.encode()) == ("malformed_json", "/a/1")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        '{"a": 1}'.encode("utf-16-be") + b"\xff",
    ],
)
def test_only_utf8_without_a_byte_order_mark(data: bytes) -> None:
    assert refusal(data) == ("not_utf8", "")


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"a": 1, "a": 1}', "/a"),
        ('{"x": [{}, {"a/b~c": 1, "a/b~c": 2}]}', "/x/1/a~1b~0c"),
        ('{"": 1, "": 2}', "/"),
        ('{"é": 1, "e\u0301": 2}', "/é"),
        ('{"a": 1, "\\u0061": 2}', "/a"),
        ('{"o": {"long": 1, "long": 2}}'.replace("long", "k" * 200), "/o"),
    ],
)
def test_duplicate_keys_are_named(text: str, pointer: str) -> None:
    assert refusal(text.encode()) == ("duplicate_key", pointer)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_of_32_is_the_limit(opening: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{")
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'"a:')[::-1]
    fits, over = 32 // levels, 32 // levels + 1
    loads(opening * fits + b"0" + closing * fits)
    assert refusal(opening * over + b"0" + closing * over) == ("too_deep", "")


def test_depth_counts_levels_and_not_brackets() -> None:
    rows = [{"a": ["[", "{{{", '"', "\\", '\\"[', "]}"], "b": {}} for _ in range(1000)]
    assert loads(json.dumps(rows).encode()) == rows


def test_brackets_in_text_do_not_hide_depth() -> None:
    assert refusal(b'["]",' * 33 + b"0" + b',"["]' * 33) == ("too_deep", "")
    assert refusal(b'["\\"]",' * 33 + b"0" + b',"\\"["]' * 33) == ("too_deep", "")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 100_000 + b"0" + b"}" * 100_000,
        b"[" * 5_000_000,
        b"[" * 33 + b'"' + b"\\" * 1_000_000,
        b"[" * 33 + b'"\\u' * 300_000,
        b"[]," * 300_000,
        b"9" * 1_000_000,
        b"1." + b"9" * 1_000_000,
        b"1e" + b"9" * 1_000_000,
        b'"\\ud800' * 100_000,
        b'["' * 300_000,
        b'"[' * 300_001,
        ('"a' + "\u0301\u0327" * 200_000 + '"').encode(),
        ('"a' + "\u0f73" * 200_000 + '"').encode(),
        ('["' + "\u0301\u0327" * 14 + 'a"' + (',"' + "\u0301\u0327" * 14 + 'a"') * 10_000 + "]" + "]").encode(),
    ],
    ids=lambda data: ascii(data[:9]),
)
def test_hostile_bodies_are_refused_quickly(data: bytes) -> None:
    start = time.process_time()
    refusal(data)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1e400", "range"),
        ("-1e400", "range"),
        ("1e-400", "range"),
        ("0e999999", "range"),
        ("1e99999999999999999999", "range"),
        ("1.8e308", "range"),
        ("1000000000000000000", "18 digits"),
        ("-1000000000000000000", "18 digits"),
        ("0." + "1" * 40, "40 characters"),
    ],
)
def test_numbers_out_of_range(number: str, message: str) -> None:
    assert refusal(f'{{"a": [{number}]}}'.encode()) == ("number_out_of_range", "/a/0")
    with pytest.raises(StrictJsonError, match=message):
        loads(number.encode())


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"a": ["\\ud800"]}', "/a/0"),
        ('{"a": "\\udc00\\ud800"}', "/a"),
        ('{"\\ud800": 1}', ""),
        ('{"x": {"\\ud800": 1, "\\ud800": 2}}', "/x"),
        ('["\\u0000"]', "/0"),
        ('["a\\bb"]', "/0"),
        ('["\\f"]', "/0"),
        ('["\\u001f"]', "/0"),
        ('["\x7f"]', "/0"),
        ('["\\u007F"]', "/0"),
        ('["\x80"]', "/0"),
        ('["\\u009f"]', "/0"),
        ('{"a\\u0000": 1}', ""),
        ('["%s"]' % ("e" + "\u0301" * 31), "/0"),
    ],
)
def test_text_that_no_system_stores_safely(text: str, pointer: str) -> None:
    assert refusal(text.encode()) == ("invalid_text", pointer)


def test_line_breaks_tabs_and_pairs_are_text() -> None:
    assert loads(b'"a\\n\\r\\t\\"\\\\\\/b\\ud83d\\ude00"') == 'a\n\r\t"\\/b😀'
    assert loads('"\xa0😀"'.encode()) == "\xa0😀"


@pytest.mark.parametrize("text", ["e\u0301", "\u212b", "\u1100\u1161\u11a8", "e" + "\u0301\u0327" * 15, "\u0f73"])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_text_and_keys_become_nfc(text: str, ensure_ascii: bool) -> None:
    nfc = unicodedata.normalize("NFC", text)
    assert nfc != text
    assert loads(json.dumps({text: [text]}, ensure_ascii=ensure_ascii).encode()) == {nfc: [nfc]}


def test_escapes_and_raw_text_compose_with_each_other() -> None:
    assert loads('"\\u0065\u0301"'.encode()) == "é"
    assert loads(b'"e\\u0301"') == "é"
    assert loads('"\\u003c\u0338 \\n\u0301"'.encode()) == "≮ \n\u0301"


def test_messages_do_not_repeat_the_input() -> None:
    for data in (b'{"a": "secret\\u0000"}', b'{"a": 123e456}', b'"\\q"', b'{"secret', b'["secret" "b"]', b"[123e456]"):
        with pytest.raises(StrictJsonError) as caught:
            loads(data)
        assert not any(part in caught.value.message for part in ("secret", "123e456", "\\q", "\x00"))


def test_malformed_bodies_are_told_where() -> None:
    with pytest.raises(StrictJsonError, match="line 2, column 7: Expecting value"):
        loads(b'{\n "a": x}')


def strings() -> st.SearchStrategy[str]:
    allowed = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\r\t"\\/é[]{}e\u0301')
    return st.text(allowed, max_size=20).map(lambda text: unicodedata.normalize("NFC", text))


def values() -> st.SearchStrategy[Any]:
    numbers = st.integers(-(10**18) + 1, 10**18 - 1) | st.decimals(-(10**9), 10**9, places=4)
    leaves = st.none() | st.booleans() | numbers | strings()
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(strings(), inner, max_size=6), max_leaves=60
    )


def dumps(value: Any, *, ensure_ascii: bool) -> bytes:
    # The json module writes no Decimal; a placeholder that no string can contain does.
    numbers: list[str] = []

    def mark(number: Decimal) -> str:
        numbers.append(f"{number:f}")
        return f"\ue000{len(numbers) - 1}\ue000"

    text = json.dumps(value, ensure_ascii=ensure_ascii, default=mark)
    quote = json.dumps("\ue000", ensure_ascii=ensure_ascii)[1:-1]
    for index, number in enumerate(numbers):
        text = text.replace(f'"{quote}{index}{quote}"', number)
    return text.encode()


@given(values(), st.booleans())
def test_every_allowed_value_round_trips(value: Any, ensure_ascii: bool) -> None:
    assert loads(dumps(value, ensure_ascii=ensure_ascii)) == value


@given(st.binary(max_size=200))
@example(b'"\\')
@example(b"\xef\xbb\xbf")
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        loads(data)
    except StrictJsonError as error:
        error.pointer.encode()
        error.message.encode()


FRAGMENTS = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        '"a"',
        '"a":',
        "1",
        "-",
        "1e400",
        "NaN",
        "\\u",
        "d800",
        "\u0301",
        "é",
        " ",
    ]
)


@given(st.lists(FRAGMENTS, max_size=60).map("".join))
def test_almost_json_agrees_with_the_standard_parser(text: str) -> None:
    try:
        value = loads(text.encode())
    except StrictJsonError as error:
        if error.code == "malformed_json" and "NaN" not in text:
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)
        error.pointer.encode()
        return
    expected = json.loads(text, parse_float=Decimal)
    assert unicodedata.normalize("NFC", json.dumps(expected, ensure_ascii=False, default=str)) == json.dumps(
        value, ensure_ascii=False, default=str
    )


@given(values(), st.booleans())
def test_the_careful_reading_agrees_with_the_fast_one(value: Any, ensure_ascii: bool) -> None:
    text = dumps(value, ensure_ascii=ensure_ascii).decode()
    assert strictjson._rebuild(strictjson._scan(strictjson._CAREFUL, text), []) == loads(text.encode())


def test_no_deep_recursion_is_left_to_the_interpreter() -> None:
    # Near the interpreter's own limit the scanner may run out of stack long before 32 levels do.
    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            loads(b"[" * 32 + b"]" * 32)

    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    descend(sys.getrecursionlimit() - depth - 100)
