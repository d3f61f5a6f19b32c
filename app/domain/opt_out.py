"""The answers by which somebody says that they want no more messages."""

import unicodedata
from typing import Final

# A message is one of these as a whole, so that "please stop by my office" is nobody's wish to hear no more.
OPT_OUT_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("stop", "unsubscribe", "end", "quit", "cancel", "stop all", "opt out"),
    "es": ("baja", "alto", "parar", "cancelar", "no molestar", "dar de baja", "darme de baja"),
    "pt": ("sair", "parar", "cancelar", "descadastrar"),
}

_KNOWN: Final = frozenset(word for words in OPT_OUT_WORDS.values() for word in words)


def opt_out_word(text: str) -> str | None:
    """The opt-out word that a message consists of, whatever its case, accents, punctuation and blanks, or None."""
    spoken = normalised(text)
    return spoken if spoken in _KNOWN else None


def normalised(text: str) -> str:
    """Words in lower case without accents and punctuation, one blank between them."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(mark))
    return " ".join("".join(mark if mark.isalnum() else " " for mark in plain).split())
