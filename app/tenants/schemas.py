"""Wire forms of the tenant's own settings."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.agreement_rules import DisputeRulesSchema, PlanRulesSchema, PromiseRulesSchema, WriteOffRulesSchema
from app.core.calendars import is_calendar
from app.core.charging import ChargeTaxSchema, LateInterestSchema
from app.core.contact_schemas import (
    WEEK,
    ContactProfileKey,
    Country,
    CustomerKind,
    SendWindowInput,
    SendWindowOutput,
)
from app.core.provider_schemas import ChannelsInput, ChannelsOutput
from app.core.schemas import (
    Currency,
    Email,
    Input,
    LocaleTag,
    Money,
    Output,
    Resource,
    Text100,
    Text200,
    TimeZone,
)
from app.core.terms import ChosenTermsOutput, TermsChoice
from app.domain.errors import Code
from app.domain.money import MoneyError, parse_amount
from app.messages.plain_text import clean
from app.tenants import bank_numbers

Sending = Literal["live", "shadow", "paused"]
DunningMode = Literal["automatic", "runs"]
Portion = Literal["interest", "fees", "principal"]


def _one_line(value: str) -> str:
    cleaned = clean(value)
    if not cleaned:
        raise PydanticCustomError(str(Code.too_short), "Nothing of this text can be shown; send a readable one.")
    return cleaned


def _calendar(value: str) -> str:
    if not is_calendar(value):
        raise PydanticCustomError(
            str(Code.invalid_value), "Send a country (MX) or a country and its region (ES-MD), or null for no holidays."
        )
    return value


def _allocation_order(value: list[Portion]) -> list[Portion]:
    if sorted(value) != ["fees", "interest", "principal"]:
        raise PydanticCustomError(str(Code.invalid_value), "Send interest, fees and principal, each of them once.")
    return value


def _tolerance(value: dict[str, str]) -> dict[str, str]:
    for currency, amount in value.items():
        try:
            minor = parse_amount(amount, currency)
        except MoneyError as error:
            raise PydanticCustomError(str(error.code), "{why}", {"why": error.message}) from error
        if minor < 0:
            raise PydanticCustomError(str(Code.out_of_range), "A tolerance must not be negative.")
    return value


# What ends up in a message's headers and lines has neither line breaks nor directional overrides.
OneLine100 = Annotated[Text100, AfterValidator(_one_line)]
OneLine200 = Annotated[Text200, AfterValidator(_one_line)]
Calendar = Annotated[str, Field(max_length=20, examples=["MX"]), AfterValidator(_calendar)]
AllocationOrder = Annotated[
    list[Portion],
    Field(min_length=3, max_length=3, examples=[["interest", "fees", "principal"]]),
    AfterValidator(_allocation_order),
]
Tolerance = Annotated[dict[Currency, Money], Field(max_length=50), AfterValidator(_tolerance)]


class ContactRuleInput(Input):
    """Which legal contact rules protect which customers."""

    country: Country | None = Field(default=None, description="Customers of this country; null for every country.")
    kinds: list[CustomerKind] = Field(
        default=[], max_length=3, description="Customers of these kinds; empty for every kind.", examples=[["consumer"]]
    )
    profile: ContactProfileKey = Field(description="The rules that are kept; see `GET /v1/contact-profiles`.")


class SenderInput(Input):
    """Who writes: what is left out stays as it is."""

    name: OneLine100 = Field(
        default_factory=str, description="Name beside the sender's address.", examples=["Cobranza Ñandú"]
    )
    address: Email = Field(default_factory=str, description="Address that messages come from.")


class BankAccountInput(Input):
    """An account that customers pay into; messages show those of their currency."""

    currency: Currency
    label: Annotated[str, Field(max_length=30), AfterValidator(_one_line)] = Field(
        description="What kind of number it is; `CLABE` and `IBAN` have their check digits checked.",
        examples=["CLABE"],
    )
    number: Annotated[str, Field(max_length=60), AfterValidator(_one_line)] = Field(
        description="The account number; a CLABE and an IBAN are kept without blanks.", examples=["032180000118359719"]
    )
    bank: OneLine100 | None = Field(default=None, description="Name of the bank.", examples=["Banco del Bajío"])
    holder: OneLine200 | None = Field(default=None, description="Whose account it is, as the bank knows the holder.")

    @model_validator(mode="after")
    def _number_is_right(self) -> Self:
        kind = self.label.upper()
        if kind == "CLABE":
            self._take(
                kind, bank_numbers.clabe(self.number), "Send the 18 digits of the CLABE, the last of them right."
            )
        elif kind == "IBAN":
            self._take(kind, bank_numbers.international(self.number), "The IBAN's length or check digits are wrong.")
        return self

    def _take(self, label: str, number: str | None, fault: str) -> None:
        if number is None:
            raise PydanticCustomError(str(Code.invalid_format), "{why}", {"why": fault})
        self.label, self.number = label, number


class TenantUpdate(Input):
    """Changes to the tenant's settings: fields left out stay as they are; `bank_accounts` is replaced whole."""

    name: OneLine200 = Field(default_factory=str, description="The company's name, as it appears in messages.")
    time_zone: TimeZone = Field(
        default_factory=str,
        description="Decides business dates (IANA). What was dated before keeps its date.",
    )
    locale: LocaleTag = Field(
        default_factory=str, description="Language of messages to customers without a language of their own."
    )
    currency: Currency = Field(
        default_factory=str, description="The tenant's own currency (ISO 4217). Stored amounts keep theirs."
    )
    calendar: Calendar | None = Field(
        default=None,
        description="Public holidays without messages: a country (`MX`) or a region (`ES-MD`); null for none.",
    )
    allocation_order: AllocationOrder = Field(
        default_factory=list, description="What a payment settles first within one invoice; applies to later payments."
    )
    send_window: SendWindowInput = Field(
        default_factory=lambda: SendWindowInput(start="00:00", end="24:00", days=list(WEEK)),
        description="When messages may leave, in the customer's local time.",
    )
    contact_profile: ContactProfileKey = Field(
        default="none",
        description="Legal contact rules that are kept for customers whom neither their own `contact_profile` nor "
        "`contact_rules` gives others. A profile does nothing for kinds of customers that it does not protect. "
        "See `GET /v1/contact-profiles`.",
    )
    contact_rules: list[ContactRuleInput] = Field(
        default=[],
        max_length=100,
        description="Which legal contact rules protect which customers: the first entry that fits decides. Replaced "
        "whole.",
    )
    max_contacts_per_day: int | None = Field(
        default=None, ge=1, le=50, strict=True, description="Messages a customer gets a day at most; null for no cap."
    )
    sender: SenderInput = Field(default_factory=SenderInput, description="Who messages come from.")
    reply_to: Email | None = Field(default=None, description="Where answers go; null for the sender's address.")
    phone: Annotated[str, Field(max_length=50), AfterValidator(_one_line)] | None = Field(
        default=None, description="Telephone shown in messages, as you write it.", examples=["+52 55 1234 5678"]
    )
    bank_accounts: list[BankAccountInput] = Field(
        default=[], max_length=20, description="Accounts that customers pay into."
    )
    short_pay_tolerance: Tolerance = Field(
        default={},
        description="By how much a payment may fall short of an invoice and still close it, by currency; the rest is "
        "closed as `short_payment`. Replaced whole.",
        examples=[{"MXN": "1.00"}],
    )
    holds_credit_over_limit: bool = Field(
        default=False,
        strict=True,
        description="Whether a customer who goes over the credit limit gets a credit hold, which ends with it. "
        "It applies to those who go over from now on.",
    )
    payment_terms: TermsChoice | None = Field(
        default=None,
        description="Terms of invoices that come without due date or terms, of customers without any.",
        examples=[{"kind": "net", "days": 30}],
    )
    late_interest: LateInterestSchema | None = Field(
        default=None,
        description="How lateness is charged on invoices whose customer says nothing else; null charges nothing. It "
        "applies to every open invoice, for the whole time that has no interest posted.",
    )
    charge_tax: ChargeTaxSchema | None = Field(
        default=None, description="The tax that is added to charges from now on; null where they bear none."
    )
    promises: PromiseRulesSchema = Field(
        default_factory=PromiseRulesSchema,
        description="What promises to pay customers may make. Replaced whole; those that run go on.",
    )
    disputes: DisputeRulesSchema = Field(
        default_factory=DisputeRulesSchema,
        description="How disputes are answered. Replaced whole; those that are open keep their day.",
    )
    write_offs: WriteOffRulesSchema = Field(
        default_factory=WriteOffRulesSchema,
        description="What is suggested to be written off, and what needs approval. Replaced whole.",
    )
    plans: PlanRulesSchema = Field(
        default_factory=PlanRulesSchema,
        description="What payment plans may be. Replaced whole; plans that are agreed stay what they are.",
    )
    channels: ChannelsInput = Field(
        default_factory=ChannelsInput,
        description="Your accounts at providers, for the channels that need one. E-mail, letters and calls need none.",
    )
    sending: Sending = Field(
        default="shadow",
        description="`live` sends; `shadow` decides and records all and nothing leaves; `paused` claims nothing.",
    )
    dunning_mode: DunningMode = Field(
        default="automatic",
        description="`automatic` makes reminders as they come due; with `runs` none are made but those of dunning runs "
        "that you have approved.",
    )

    def changes(self) -> dict[str, Any]:
        """The named fields; accounts and terms, being replaced whole, with all of theirs."""
        fields = self.model_dump(exclude_unset=True)
        if "bank_accounts" in fields:
            fields["bank_accounts"] = [account.model_dump() for account in self.bank_accounts]
        if "channels" in fields:
            fields["channels"] = self.channels.changes()
        if "contact_rules" in fields:
            fields["contact_rules"] = [rule.model_dump() for rule in self.contact_rules]
        for name in ("late_interest", "charge_tax", "promises", "disputes", "plans", "write_offs"):
            if fields.get(name) is not None:
                fields[name] = getattr(self, name).model_dump()
        if self.payment_terms is not None:
            fields["payment_terms"] = self.payment_terms.model_dump()
        return fields


class SenderOutput(Output):
    """Who messages come from."""

    name: str = Field(description="Name beside the sender's address.")
    address: str = Field(description="Address that messages come from.")


class BankAccountOutput(Output):
    """An account that customers pay into."""

    currency: str = Field(description="ISO 4217 code of the account.")
    label: str = Field(description="What kind of number it is, such as CLABE or IBAN.")
    number: str = Field(description="The account number.")
    bank: str | None = Field(description="Name of the bank.")
    holder: str | None = Field(description="Whose account it is.")


class ContactRuleOutput(Output):
    """Which legal contact rules protect which customers."""

    country: str | None = Field(description="Customers of this country; null for every country.", examples=["CO"])
    kinds: list[CustomerKind] = Field(
        description="Customers of these kinds; empty for every kind.", examples=[["consumer"]]
    )
    profile: str = Field(description="The rules that are kept.", examples=["co_ley_2300"])


class TenantOutput(Resource):
    """The tenant: the company that collects what it is owed."""

    id: UUID = Field(description="UUIDv7 of the tenant.")
    name: str = Field(description="The company's name, as it appears in messages.")
    mode: Literal["live", "test"] = Field(description="A `test` tenant has a clock of its own.")
    time_zone: str = Field(description="Decides business dates (IANA).")
    locale: str = Field(description="Language of messages to customers without a language of their own.")
    currency: str = Field(description="The tenant's own currency (ISO 4217).")
    calendar: str | None = Field(description="Public holidays without messages; null for none.")
    allocation_order: list[Portion] = Field(description="What a payment settles first within one invoice.")
    send_window: SendWindowOutput = Field(description="When messages may leave, in the customer's local time.")
    contact_profile: str = Field(
        description="Legal contact rules that are kept for customers without others.", examples=["none"]
    )
    contact_rules: list[ContactRuleOutput] = Field(
        description="Which legal contact rules protect which customers: the first entry that fits decides."
    )
    max_contacts_per_day: int | None = Field(description="Messages a customer gets a day at most; null for no cap.")
    sender: SenderOutput = Field(description="Who messages come from.")
    reply_to: str | None = Field(description="Where answers go; null for the sender's address.")
    phone: str | None = Field(description="Telephone shown in messages.")
    bank_accounts: list[BankAccountOutput] = Field(description="Accounts that customers pay into.")
    short_pay_tolerance: dict[str, str] = Field(
        description="By how much a payment may fall short of an invoice and still close it, by currency."
    )
    holds_credit_over_limit: bool = Field(
        description="Whether a customer who goes over the credit limit gets a credit hold, which ends with it."
    )
    payment_terms: ChosenTermsOutput | None = Field(
        description="Terms of invoices that come without due date or terms, of customers without any.",
        examples=[{"code": "N30"}],
    )
    late_interest: LateInterestSchema | None = Field(
        description="How lateness is charged on invoices whose customer says nothing else; null charges nothing."
    )
    charge_tax: ChargeTaxSchema | None = Field(description="The tax that is added to charges; null for none.")
    promises: PromiseRulesSchema = Field(description="What promises to pay customers may make.")
    disputes: DisputeRulesSchema = Field(description="How disputes are answered.")
    write_offs: WriteOffRulesSchema = Field(description="What is suggested to be written off, and what needs approval.")
    plans: PlanRulesSchema = Field(description="What payment plans may be.")
    channels: ChannelsOutput = Field(description="Your accounts at providers, without their secrets.")
    sending: Sending = Field(description="Whether messages leave: `live`, `shadow` or `paused`.")
    dunning_mode: DunningMode = Field(
        description="Whether reminders are made as they come due, or by dunning runs that you approve."
    )
