"""What batches of rows share: the form of one row, what became of each, and the two ways to take them.

`per_row`: each row succeeds or fails by itself. `all`: one fault, and nothing of the batch is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from app.core.errors import FieldError, ProblemError, invalid_fields
from app.core.problems import field_error_payload, from_validation
from app.core.schemas import Output, ProblemField

BATCH_LIMIT = 1000
# An answer that names more faults than these is longer than anybody reads.
_MOST_FAULTS = 100

RowStatus = Literal["created", "updated", "unchanged", "failed"]
Mode = Annotated[
    Literal["per_row", "all"],
    Field(
        description="`per_row`: each row succeeds or fails by itself. `all`: one fault, and nothing of the batch is "
        "kept; the answer is then 422 and names the rows."
    ),
]


class BatchRow(Output):
    """What became of one row of a batch."""

    index: int = Field(description="Its place in the request, from 0.")
    external_id: str | None = Field(description="Your own id of it.")
    status: RowStatus = Field(description="What became of it.")
    id: UUID | None = Field(description="Its id, unless it failed.")
    code: str | None = Field(description="Why it failed, as a stable code.")
    detail: str | None = Field(description="Why it failed, in words.")
    errors: list[ProblemField] = Field(description="Faults by field, with pointers into the row.")


class BatchOutput(Output):
    """What became of a batch."""

    created: int = Field(description="Rows that were created.")
    updated: int = Field(description="Rows that changed what was known.")
    unchanged: int = Field(description="Rows that said what was known.")
    failed: int = Field(description="Rows that changed nothing because they are not valid.")
    results: list[BatchRow] = Field(description="Every row, in the order of the request.")


class Outcome(Protocol):
    """What became of one row, as a service tells it."""

    @property
    def status(self) -> RowStatus:
        """The outcome."""
        ...

    @property
    def resource_id(self) -> UUID | None:
        """The id of what the row is about, unless it failed."""
        ...

    @property
    def problem(self) -> ProblemError | None:
        """Why it failed."""
        ...


def parse_row(model: type[BaseModel], row: Any) -> dict[str, Any] | ProblemError:
    """One row in the form of a resource's input, or what is wrong with it."""
    try:
        return model.model_validate(row).model_dump()
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        return from_validation(faults)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many rows ended in each way."""
    counts: dict[str, int] = {"created": 0, "updated": 0, "unchanged": 0, "failed": 0}
    for outcome in outcomes:
        counts[outcome.status] += 1
    return counts


def batch_payload(
    rows: Sequence[Mapping[str, Any] | ProblemError], outcomes: Sequence[Outcome], *, mode: Mode, name: str
) -> dict[str, Any]:
    """The answer to a batch.

    Args:
        rows: the rows as they were parsed.
        outcomes: what became of each.
        mode: whether one fault refuses the batch.
        name: the field of the request that holds the rows.

    Raises:
        ProblemError: 422 naming the rows, when `mode` is `all` and one of them failed.
    """
    if mode == "all":
        _refuse_faults(outcomes, name)
    listed = []
    for index, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
        problem = outcome.problem
        listed.append({
            "index": index,
            "external_id": row["external_id"] if isinstance(row, Mapping) else None,
            "status": outcome.status,
            "id": str(outcome.resource_id) if outcome.resource_id is not None else None,
            "code": str(problem.code) if problem else None,
            "detail": problem.detail if problem else None,
            "errors": [field_error_payload(error) for error in problem.errors] if problem else [],
        })  # fmt: skip
    return {**count(outcomes), "results": listed}


def _refuse_faults(outcomes: Sequence[Outcome], name: str) -> None:
    faults = []
    for index, outcome in enumerate(outcomes):
        if outcome.problem is not None:
            faults += faults_of(outcome.problem, f"/{name}/{index}")
    if faults:
        raise invalid_fields(faults[:_MOST_FAULTS])


def faults_of(problem: ProblemError, prefix: str = "") -> list[FieldError]:
    """A problem field by field, or as one fault of the whole row."""
    if not problem.errors:
        return [FieldError(prefix, problem.code, problem.detail)]
    return [FieldError(prefix + fault.pointer, fault.code, fault.message) for fault in problem.errors]
