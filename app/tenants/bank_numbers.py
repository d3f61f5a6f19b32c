"""Account numbers that carry check digits: a wrong one sends a customer's money astray."""

import re

from stdnum import iban
from stdnum.exceptions import ValidationError

_CLABE = re.compile(r"[0-9]{18}")
_CLABE_WEIGHTS = (3, 7, 1)
_SEPARATORS = re.compile(r"[ .-]")


def clabe(text: str) -> str | None:
    """A Mexican CLABE as its 18 digits, or None where its form or its check digit is wrong."""
    number = _SEPARATORS.sub("", text)
    if not number.isascii() or not _CLABE.fullmatch(number):
        return None
    digits = [int(digit) for digit in number]
    weighted = sum(digit * _CLABE_WEIGHTS[place % 3] % 10 for place, digit in enumerate(digits[:17]))
    return number if -weighted % 10 == digits[17] else None


def international(text: str) -> str | None:
    """An IBAN without its blanks, or None where its country, length or check digits are wrong."""
    try:
        number: str = iban.validate(text)
    except ValidationError:
        return None
    return number
