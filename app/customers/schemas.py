"""Wire forms of customers."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import phonenumbers
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.charging import LateInterestSchema
from app.core.contact_schemas import ContactProfileKey, Country, CustomerKind, SendWindowInput, SendWindowOutput
from app.core.schemas import (
    Currency,
    Email,
    ExternalId,
    Input,
    LocaleTag,
    Metadata,
    Money,
    Output,
    Resource,
    Text100,
    Text200,
    TimeZone,
)
from app.core.terms import ChosenTermsOutput, TermsChoice
from app.domain.credit import CreditState
from app.domain.errors import Code

ChannelType = Literal["email", "sms", "whatsapp", "phone", "post"]
Consent = Literal["granted", "denied", "unknown"]


class _EmailAddress(Input):
    address: Email


def _each_once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64, description="One tag.")]],
    Field(max_length=50, description="Words of your own to find customers by.", examples=[["norte", "mayorista"]]),
    AfterValidator(_each_once),
]
OtherTimeZones = Annotated[
    list[TimeZone],
    Field(
        max_length=10,
        description="Where else the customer may be; a contact profile whose hours hold in every zone keeps them "
        "there too.",
        examples=[["America/Los_Angeles"]],
    ),
    AfterValidator(_each_once),
]


class ChannelInput(Input):
    """One way to reach a contact."""

    type: ChannelType = Field(description="What kind of address it is.")
    address: str = Field(
        min_length=1,
        max_length=500,
        description="An e-mail address, a phone number in E.164 form, or a postal address.",
        examples=["cuentas@example.com"],
    )
    consent: Consent = Field(
        default="unknown", description="Whether the person agreed to be contacted here; `denied` is never used."
    )
    preferred: bool = Field(default=False, description="Used first among the addresses of its type.")

    @model_validator(mode="after")
    def _address_fits_type(self) -> Self:
        if self.type == "email":
            _EmailAddress(address=self.address)
        elif self.type in {"sms", "whatsapp", "phone"}:
            self.address = _e164(self.address)
        return self


def _e164(address: str) -> str:
    number = normalised_phone(address)
    if number is None:
        raise PydanticCustomError(
            str(Code.invalid_format), "Send a phone number with its country code, such as +525512345678."
        )
    return number


def normalised_phone(address: str) -> str | None:
    """A phone number in E.164 form, or None for what is none."""
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class ContactInput(Input):
    """A person or desk at the customer."""

    name: Text200 | None = Field(default=None, description="Who it is.", examples=["Cuentas por pagar"])
    role: Text100 | None = Field(default=None, description="What they do.", examples=["accounts payable"])
    channels: list[ChannelInput] = Field(default=[], max_length=20, description="Ways to reach them.")


class CustomerFields(Input):
    """What can be said of a customer."""

    name: Text200 = Field(description="Name as it appears in messages.", examples=["Ferretería Núñez, S.A. de C.V."])
    kind: CustomerKind = Field(default="business", description="Decides which contact rules protect the customer.")
    tax_id: Text100 | None = Field(default=None, description="RFC, NIF, NIT or the like.", examples=["FNU010203AB1"])
    locale: LocaleTag | None = Field(default=None, description="Language of messages; the tenant's if left out.")
    time_zone: TimeZone | None = Field(default=None, description="Where send windows apply; the tenant's if left out.")
    other_time_zones: OtherTimeZones = Field(default=[])
    country: Country | None = Field(default=None)
    currency: Currency | None = Field(default=None, description="The currency usually invoiced.")
    dunning_policy_id: UUID | None = Field(
        default=None, description="Policy of the customer's invoices; the tenant's default if left out."
    )
    payment_terms: TermsChoice | None = Field(
        default=None,
        description="Terms of invoices that come without due date or terms; the tenant's if left out.",
        examples=[{"kind": "net", "days": 30}],
    )
    late_interest: LateInterestSchema | None = Field(
        default=None, description="How lateness is charged on invoices that say nothing else; the tenant's if left out."
    )
    credit_limit: Money | None = Field(
        default=None,
        description="What the customer may owe before `credit_state` is `over_limit`, in the customer's `currency`, "
        "or else the tenant's; null for no limit.",
        examples=["50000.00"],
    )
    contact_profile: ContactProfileKey | None = Field(
        default=None,
        description="Legal contact rules that are kept for this customer, if they protect its kind; left out, the "
        "tenant's `contact_rules` decide. See `GET /v1/contact-profiles`.",
    )
    send_window: SendWindowInput | None = Field(
        default=None, description="When this customer may be written to, within the tenant's own window."
    )
    tags: Tags = Field(default=[])
    contacts: list[ContactInput] = Field(default=[], max_length=50, description="Whom to write to.")
    metadata: Metadata = Field(default={})


class CustomerCreate(CustomerFields):
    """A new customer."""

    external_id: ExternalId | None = None


class CustomerUpdate(CustomerFields):
    """Changes to a customer: fields left out stay as they are; `contacts` and `metadata` are replaced whole."""

    name: Text200 = Field(default="", description="Name as it appears in messages.")
    external_id: ExternalId | None = None


class CreditHoldInput(Input):
    """Why nothing more should be sold on credit."""

    reason: Text200 = Field(description="Why, for the people who ask.", examples=["Two instalments missed"])


class ChannelOutput(Output):
    """One way to reach a contact."""

    type: ChannelType = Field(description="What kind of address it is.")
    address: str = Field(description="The address.")
    consent: Consent = Field(description="Whether the person agreed to be contacted here.")
    preferred: bool = Field(description="Used first among the addresses of its type.")
    bounced_at: datetime | None = Field(
        description="A message came back from here (UTC): the address is not used any more until its contact is edited."
    )


class ContactOutput(Output):
    """A person or desk at the customer."""

    id: UUID = Field(description="Id of the contact.")
    name: str | None = Field(description="Who it is.")
    role: str | None = Field(description="What they do.")
    channels: list[ChannelOutput] = Field(description="Ways to reach them.")


class CreditHoldOutput(Output):
    """Nothing more should be sold on credit; what is owed is chased as before."""

    reason: str = Field(description="Why; `over_limit` where it came by itself.", examples=["over_limit"])
    held_at: datetime = Field(description="Since when, by the tenant's clock (UTC).")
    automatic: bool = Field(description="Whether it came by itself, and will end by itself.", examples=[True])


class CustomerOutput(Resource):
    """A customer: the debtor."""

    external_id: str | None = Field(description="Your own id of the customer.")
    name: str = Field(description="Name as it appears in messages.")
    kind: CustomerKind = Field(description="Decides which contact rules protect the customer.")
    tax_id: str | None = Field(description="RFC, NIF, NIT or the like.")
    locale: str | None = Field(description="Language of messages; null is the tenant's.")
    time_zone: str | None = Field(description="Where send windows apply; null is the tenant's.")
    other_time_zones: list[str] = Field(
        description="Where else the customer may be.", examples=[["America/Los_Angeles"]]
    )
    country: str | None = Field(description="ISO 3166-1 alpha-2 country.")
    currency: str | None = Field(description="The currency usually invoiced.")
    dunning_policy_id: UUID | None = Field(description="Policy of the customer's invoices; null is the default one.")
    payment_terms: ChosenTermsOutput | None = Field(
        description="Terms of invoices that come without due date or terms; null is the tenant's.",
        examples=[{"code": "N30"}],
    )
    late_interest: LateInterestSchema | None = Field(
        description="How lateness is charged on invoices that say nothing else; null is the tenant's."
    )
    credit_limit: str | None = Field(
        description="What the customer may owe, in `credit_currency`; null for no limit.", examples=["50000.00"]
    )
    credit_currency: str | None = Field(
        description="Currency of the limit, and of what is compared with it; null without a limit.", examples=["MXN"]
    )
    credit_state: CreditState = Field(
        description="Whether what is open, due or not, less unapplied cash and credit, is more than the limit."
    )
    credit_hold: CreditHoldOutput | None = Field(
        description="Set while nothing more should be sold on credit. It never stops dunning."
    )
    contact_profile: str | None = Field(
        description="Legal contact rules that are kept for this customer; null where the tenant's decide."
    )
    send_window: SendWindowOutput | None = Field(
        description="When this customer may be written to, within the tenant's own window; null for no narrower one."
    )
    tags: list[str] = Field(description="Words of your own to find customers by.", examples=[["norte", "mayorista"]])
    contacts: list[ContactOutput] = Field(description="Whom to write to.")
    metadata: dict[str, str] = Field(description="Your own strings.")
    erased_at: datetime | None = Field(description="When the personal data was erased; null if it was not.")


class CustomerPage(Output):
    """A page of customers, newest first."""

    data: list[CustomerOutput] = Field(description="The customers.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
