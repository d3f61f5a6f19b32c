"""Letters as PDF, by WeasyPrint, which is installed with the extra `letters` and needs Pango on the machine."""

from functools import cache
from typing import Any, Final

PDF_MARK: Final = b"%PDF-"


class LettersNotAvailableError(RuntimeError):
    """This installation cannot make letters."""


@cache
def letters_available() -> bool:
    """Whether letters can be made here."""
    try:
        _weasyprint()
    except LettersNotAvailableError:
        return False
    return True


def letter_pdf(html: str) -> bytes:
    """Make the PDF of a letter; it takes a tenth of a second of the processor, so call it in a thread.

    Nothing is loaded from anywhere: a picture by its address would let a template read files and call inner networks.
    Those that stand in the letter itself, as `data:`, are shown.

    Raises:
        LettersNotAvailableError: The extra or Pango is missing.
    """
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    made: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf()
    return made


def _weasyprint() -> Any:
    try:
        import weasyprint  # noqa: PLC0415  two seconds of a process that may never make a letter
    except (ImportError, OSError) as error:
        raise LettersNotAvailableError("install puntual[letters], and Pango with it") from error
    return weasyprint
