"""Wire forms of moving cases."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.schemas import Input, Output


class PolicyMigrate(Input):
    """Which running cases move to which version."""

    preview: bool = Field(
        strict=True, description="`true` tells what would change and changes nothing; `false` moves the cases."
    )
    to_version: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=2_147_483_647,
        description="A published version of the policy; left out, the one that new cases start with.",
        examples=[2],
    )
    from_versions: list[Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)]] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Only cases of these versions; left out, of all others.",
        examples=[[1]],
    )
    invoice_ids: list[UUID] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Only cases of these invoices; left out, of all.",
        examples=[None],
    )


class MigrationStep(Output):
    """A step to come."""

    key: str = Field(description="Key of the step.", examples=["d+20"])
    due_on: date = Field(description="Date on which it is due to go out.")
    earliest_at: datetime | None = Field(description="When it can go out at the earliest, as far as time decides.")


class MigrationCase(Output):
    """What moving it does to one case."""

    case_id: UUID = Field(description="The case.")
    invoice_id: UUID = Field(description="Its invoice.")
    instalment_number: int | None = Field(description="The instalment that it chases; null for a whole invoice.")
    from_version: int = Field(description="The version that it is pinned to.")
    in_flight: bool = Field(
        description="A reminder about it is just on its way: it stays where it is; move it again in a moment."
    )
    reached_offset_days: int | None = Field(
        description="Offset of the highest step taken or skipped, which stays: what the new version has up to it is "
        "not sent. Null before the first."
    )
    state_before: str = Field(description="State of the case.", examples=["active"])
    state_after: str = Field(description="State of the case after it has moved.", examples=["active"])
    next_step_before: MigrationStep | None = Field(description="The step to come; null for none.")
    next_step_after: MigrationStep | None = Field(description="The step to come after it has moved; null for none.")


class MigrationOutput(Output):
    """What a migration has done, or would do."""

    preview: bool = Field(description="Nothing was changed.")
    to_version: int = Field(description="The version that cases move to.")
    matched: int = Field(description="Cases of the other versions that were meant.")
    moved: int = Field(description="Cases that were moved; in a preview, that would be on this page.")
    in_flight: int = Field(description="Cases with a reminder on its way, which stay; of a preview, on this page.")
    data: list[MigrationCase] = Field(description="A page of cases, in a preview; empty otherwise.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
