"""Errors that become problem documents; services raise them and know nothing of HTTP beyond the status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.errors import Code


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of one input field."""

    pointer: str
    code: Code
    message: str


@dataclass(slots=True)
class ProblemError(Exception):
    """A request that cannot be carried out, and what the caller can do about it."""

    status: int
    code: Code
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"


def not_found(what: str) -> ProblemError:
    """404: the id is unknown, or belongs to another tenant, which looks the same on purpose."""
    return ProblemError(404, Code.not_found, f"No {what} with this id.")


def conflict(code: Code, detail: str) -> ProblemError:
    """409: the resource's state does not allow the command."""
    return ProblemError(409, code, detail)


def invalid(pointer: str, code: Code, message: str) -> ProblemError:
    """422 for one field."""
    return ProblemError(422, Code.validation_failed, message, [FieldError(pointer, code, message)])


def invalid_fields(errors: Sequence[FieldError]) -> ProblemError:
    """422 for several fields."""
    return ProblemError(422, Code.validation_failed, f"{len(errors)} field(s) are not valid; see errors.", list(errors))
