"""Wire forms of dunning policies."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.condition_schemas import AmountByCurrency, ConditionsInput, ConditionsOutput, SegmentInput, SegmentOutput
from app.core.schemas import Currency, Input, Money, Output, ProblemField, SendWindowSchema, Text200
from app.domain.errors import Code

GroupingName = Literal["customer", "invoice"]
CatchUpName = Literal["highest", "one_at_a_time", "skip"]
LateEntryName = Literal["restart", "highest", "hold"]
StepChannel = Literal["email", "sms", "whatsapp", "letter", "call", "erp"]
FeeKind = Literal["flat", "percent", "tiers"]
# `placement` is the former name of `suggest_placement`.
OnExhausted = Literal["event", "task", "suggest_placement", "placement"]
PolicyStatus = Literal["draft", "published"]


def _percent_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise PydanticCustomError(
        str(Code.invalid_type), 'Send a percent as a decimal string such as "8.5", which is 8.5 %; not as a number.'
    )


Percent = Annotated[
    str,
    # Before the validator, which would hide it from the OpenAPI document.
    Field(
        pattern=r"^(0|[1-9][0-9]{0,2})([.][0-9]{1,4})?$",
        description='A decimal string above 0 and up to 100, with at most four decimals; "8.5" is 8.5 %.',
        examples=["8.5"],
    ),
    BeforeValidator(_percent_text),
]
StepKey = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_+.-]{0,49}$",
        description="Your name of the step, unique in the policy: lower-case letters, digits and `_ + . -`.",
        examples=["d+5"],
    ),
]
OffsetDays = Annotated[
    int,
    Field(
        strict=True,
        ge=-365,
        le=3650,
        description="Days from the due date: negative before it, 0 on it, positive after it.",
        examples=[5],
    ),
]
MinGapDays = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=365,
        description="The next contact is on or after the date of the customer's last one plus this many days; "
        "0 sets no gap.",
        examples=[2],
    ),
]
MaxCount = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=1000,
        description="The ladder of an invoice is exhausted after this many reminders.",
        examples=[4],
    ),
]
Priority = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=1_000_000,
        description="Of several policies whose `applies_to` an invoice meets, the one with the lowest takes it.",
        examples=[100],
    ),
]
CalendarCode = Annotated[
    str,
    Field(
        max_length=40,
        pattern=r"^[A-Z]{2}(-.+)?$",
        description="Public holidays on which nothing leaves: a country (MX), or a country and its region (ES-MD).",
        examples=["MX"],
    ),
]


class FeeTierInput(Input):
    """What a fee charges from an open principal on: `amount` or `percent`, one of the two."""

    from_amount: Money = Field(description="Open principal from which it holds; inclusive.", examples=["1000.00"])
    amount: Money | None = Field(default=None, description="What it charges, above zero.", examples=["150.00"])
    percent: Percent | None = None


class FeeInput(Input):
    """A fee posted to the invoice when the step goes out."""

    kind: FeeKind = Field(
        description="`flat` charges `amount`; `percent` charges `percent` of the open principal; `tiers` charges what "
        "the highest tier says that the open principal reaches, and nothing below the lowest.",
    )
    currency: Currency | None = Field(
        default=None,
        description="The fee applies to invoices in this currency alone. Left out, it is the tenant's currency where "
        "an amount is given, and every currency where none is.",
    )
    amount: Money | None = Field(default=None, description="What a flat fee charges, above zero.", examples=["150.00"])
    percent: Percent | None = None
    min: Money | None = Field(default=None, description="A percent charges at least this.", examples=["50.00"])
    max: Money | None = Field(default=None, description="A percent charges at most this.", examples=["500.00"])
    tiers: list[FeeTierInput] | None = Field(
        default=None, min_length=1, max_length=20, description="Tiers by ascending `from_amount`.", examples=[None]
    )


class StepInput(Input):
    """One rung of the ladder."""

    key: StepKey
    offset_days: OffsetDays
    channels: list[StepChannel] = Field(
        min_length=1,
        max_length=5,
        description="Alternatives in order: the first one for which the customer has an address that may be used; "
        "where a message comes back or nobody is reached, the next one. `sms` and `whatsapp` need your account in "
        "`PATCH /v1/tenant`, `letter` is a PDF for you to post, `call` a task for people, `erp` an event that asks "
        "your own system to write.",
        examples=[["email"]],
    )
    template: str = Field(
        min_length=1, max_length=100, description="Key of the message's template.", examples=["first_notice"]
    )
    min_amount: AmountByCurrency = Field(
        default={}, description="The step goes out only if at least this is still to be asked for on the invoice."
    )
    fee: FeeInput | None = Field(default=None, description="What the step charges; null charges nothing.")
    requires_approval: bool = Field(
        default=False, strict=True, description="The reminder waits until somebody approves it."
    )
    conditions: ConditionsInput | None = Field(
        default=None,
        description="The step is for these cases alone; others pass it over on its day, with the reason "
        "`condition_not_met`. The amounts are what is open of the invoice on that day.",
    )
    on_exhausted: OnExhausted | None = Field(
        default=None,
        description="Of the last step: what happens once the ladder is exhausted. `event` (also null) announces it, "
        "`task` also makes a task of kind `review` due that day, `suggest_placement` one of kind `placement`.",
    )


class PolicyFields(Input):
    """What a policy says."""

    name: Text200 = Field(description="Your name of the policy.", examples=["Cobranza estándar"])
    default: bool = Field(
        default=False,
        strict=True,
        description="Becomes the tenant's default policy when it is published, in place of the one before.",
    )
    grouping: GroupingName = Field(
        default="customer", description="One reminder for each customer and currency, or one for each invoice."
    )
    catch_up: CatchUpName = Field(
        default="highest",
        description="When several steps have come due: `highest` sends the highest and skips the lower ones, "
        "`one_at_a_time` sends them one a day from the lowest, `skip` drops those whose day has passed.",
    )
    late_entry: LateEntryName = Field(
        default="restart",
        description="For an invoice that is overdue when it is first seen: `restart` begins with the lowest step "
        "after the due date and keeps the spacing, `highest` takes the highest step that is due, `hold` waits until "
        "somebody calls `POST /v1/invoices/{id}/dunning/start`.",
    )
    max_count: MaxCount | None = Field(
        default=None, description="The ladder of an invoice is exhausted after this many reminders; null: no limit."
    )
    min_gap_days: MinGapDays = 0
    min_amount: AmountByCurrency = Field(
        default={},
        description="Nothing goes out while the customer's overdue total in the currency is below this; inclusive.",
    )
    send_window: SendWindowSchema | None = Field(
        default=None, description="Narrows the tenant's send window; null leaves it as it is."
    )
    calendar: CalendarCode | None = Field(
        default=None,
        description="Public holidays on which nothing leaves; null is the tenant's calendar.",
        examples=["MX"],
    )
    steps: list[StepInput] = Field(
        min_length=1, max_length=50, description="The ladder, by ascending `offset_days`, each day once."
    )


class PolicyCreate(PolicyFields):
    """A new policy, which begins as a draft."""

    applies_to: SegmentInput | None = Field(
        default=None,
        description="Once the policy is published, new cases of invoices that meet this start with it, unless the "
        "invoice or its customer names a policy. It belongs to the policy and not to a version: a change holds at "
        "once. Null takes none.",
    )
    priority: Priority = 100


class PolicyUpdate(PolicyFields):
    """Changes to a policy: fields left out stay as they are; lists, amounts and conditions are replaced whole."""

    applies_to: SegmentInput | None = Field(
        default=None, description="Invoices that the policy takes by itself, from now on; null takes none."
    )
    priority: Priority = 100

    name: Text200 = Field(default_factory=str, description="Your name of the policy.")
    steps: list[StepInput] = Field(
        default_factory=list, min_length=1, max_length=50, description="The whole ladder, by ascending `offset_days`."
    )


class FeeTierOutput(Output):
    """What a fee charges from an open principal on."""

    from_amount: str = Field(description="Open principal from which it holds.", examples=["1000.00"])
    amount: str | None = Field(description="What it charges.", examples=["150.00"])
    percent: str | None = Field(description="Percent of the open principal.", examples=[None])


class FeeOutput(Output):
    """A fee posted to the invoice when the step goes out."""

    kind: FeeKind = Field(description="`flat`, `percent` of the open principal, or `tiers` of it.")
    currency: str | None = Field(description="The fee applies to invoices in this currency; null is every currency.")
    amount: str | None = Field(description="What a flat fee charges.")
    percent: str | None = Field(description="Percent of the open principal; 8.5 is 8.5 %.")
    min: str | None = Field(description="A percent charges at least this.")
    max: str | None = Field(description="A percent charges at most this.")
    tiers: list[FeeTierOutput] | None = Field(
        default=None, description="Tiers by ascending `from_amount`.", examples=[None]
    )


class StepOutput(Output):
    """One rung of the ladder."""

    key: str = Field(description="Your name of the step.", examples=["d+5"])
    offset_days: int = Field(description="Days from the due date.")
    channels: list[StepChannel] = Field(description="Alternatives in order.")
    template: str = Field(description="Key of the message's template.", examples=["first_notice"])
    min_amount: dict[str, str] = Field(description="Least residual of the invoice, by currency; inclusive.")
    fee: FeeOutput | None = Field(description="What the step charges.")
    requires_approval: bool = Field(description="The reminder waits until somebody approves it.")
    conditions: ConditionsOutput | None = Field(description="The step is for these cases alone; null is every case.")
    on_exhausted: OnExhausted | None = Field(description="Of the last step: what is done once it is exhausted.")


class PolicyOutput(Output):
    """One version of a dunning policy; reading a policy shows its latest version."""

    id: UUID = Field(description="UUIDv7 of the policy, the same for all of its versions.")
    name: str = Field(description="Your name of the policy.")
    status: PolicyStatus = Field(description="A published version never changes.")
    version: int = Field(description="Number of the version shown, from 1.", examples=[1])
    published_version: int | None = Field(description="Number of the version that new cases start with; null: none.")
    default: bool = Field(
        description="Of a published version: the policy is the tenant's default. Of a draft: publishing makes it so."
    )
    grouping: GroupingName = Field(description="One reminder for each customer and currency, or for each invoice.")
    catch_up: CatchUpName = Field(description="Which of several due steps goes out.")
    applies_to: SegmentOutput | None = Field(description="Invoices it takes by itself once it is published.")
    priority: int = Field(description="Of several policies that would take an invoice, the lowest does.")
    late_entry: LateEntryName = Field(description="Where the ladder begins for an invoice first seen overdue.")
    max_count: int | None = Field(description="The ladder of an invoice is exhausted after this many reminders.")
    min_gap_days: int = Field(description="Days from the customer's last contact to the next one.")
    min_amount: dict[str, str] = Field(description="Least overdue total of the customer, by currency; inclusive.")
    send_window: SendWindowSchema | None = Field(description="Narrows the tenant's send window.")
    calendar: str | None = Field(description="Public holidays on which nothing leaves; null is the tenant's calendar.")
    steps: list[StepOutput] = Field(description="The ladder, by ascending `offset_days`.")
    published_at: datetime | None = Field(description="When this version was published (UTC).")
    revision: int = Field(description="Counts the changes of the policy over all versions; also its ETag.")
    created_at: datetime = Field(description="When the policy was created, by the tenant's clock (UTC).")
    updated_at: datetime = Field(description="When the policy last changed, by the tenant's clock (UTC).")


class PolicyPage(Output):
    """A page of policies, newest first."""

    data: list[PolicyOutput] = Field(description="The policies, each by its latest version.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class PolicyVersions(Output):
    """All versions of one policy, newest first."""

    data: list[PolicyOutput] = Field(description="The versions.")
    next_cursor: None = Field(default=None, description="Always null: all versions are in one answer.")


class PolicyValidation(Output):
    """Whether a policy could be created as it is."""

    valid: bool = Field(description="Nothing is wrong with it.")
    errors: list[ProblemField] = Field(description="What is wrong, field by field; empty when it is valid.")
    warnings: list[ProblemField] = Field(
        description="What is allowed and probably not meant: a step that hardly ever goes out, a fee above its debt.",
        examples=[[]],
    )


class PolicyImport(PolicyCreate):
    """A policy as it was exported, here or elsewhere."""

    format: Literal["puntual.dunning-policy/1"] = Field(
        default="puntual.dunning-policy/1", description="What this document is."
    )


class PolicyExport(Output):
    """A policy without anything that belongs to one tenant: import it anywhere."""

    format: Literal["puntual.dunning-policy/1"] = Field(description="What this document is.")
    name: str = Field(description="Name of the policy, by which an import finds the one to change.")
    default: bool = Field(description="Publishing makes it the tenant's default policy.")
    applies_to: SegmentOutput | None = Field(description="Invoices it takes by itself once it is published.")
    priority: int = Field(description="Of several policies that would take an invoice, the lowest does.")
    grouping: GroupingName = Field(description="One reminder for each customer and currency, or for each invoice.")
    catch_up: CatchUpName = Field(description="Which of several due steps goes out.")
    late_entry: LateEntryName = Field(description="Where the ladder begins for an invoice first seen overdue.")
    max_count: int | None = Field(description="The ladder of an invoice is exhausted after this many reminders.")
    min_gap_days: int = Field(description="Days from the customer's last contact to the next one.")
    min_amount: dict[str, str] = Field(description="Least overdue total of the customer, by currency; inclusive.")
    send_window: SendWindowSchema | None = Field(description="Narrows the tenant's send window.")
    calendar: str | None = Field(description="Public holidays on which nothing leaves; null is the tenant's calendar.")
    steps: list[StepOutput] = Field(description="The ladder, by ascending `offset_days`.")
