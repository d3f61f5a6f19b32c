"""What a text message costs: the letters of GSM 03.38, of which 160 fit, against any others, of which 70 do."""

import unicodedata
from functools import lru_cache
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each takes two places.
_EXTENDED: Final = frozenset("^{}\\[~]|€")
_STAND_INS: Final = {"…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-"}


def message_length(text: str) -> tuple[int, int]:
    """How long a text message is: places in its alphabet, and messages that it is sent as."""
    if _BASIC.union(_EXTENDED).issuperset(text):
        places = len(text) + sum(char in _EXTENDED for char in text)
        return places, 1 if places <= 160 else -(-places // 153)
    places = len(text.encode("utf-16-le")) // 2
    return places, 1 if places <= 70 else -(-places // 67)


@lru_cache(maxsize=4096)
def plain_letters(value: str) -> str:
    """Spell a value with the letters that a text message has, where that only takes accents away.

    `Ferretería` becomes `Ferreteria`, as in any text message; a name in another script stays as it is.
    """
    if _BASIC.issuperset(value):
        return value
    return "".join(_plain(char) for char in value)


def _plain(char: str) -> str:
    if char in _BASIC or char in _EXTENDED:
        return char
    if char.isspace():
        return " "
    if char in _STAND_INS:
        return _STAND_INS[char]
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return base if base and _BASIC.issuperset(base) else char
