"""Wire forms of customers."""

from typing import Annotated, Literal, Self
from uuid import UUID

import phonenumbers
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import (
    Currency,
    Email,
    ExternalId,
    Input,
    LocaleTag,
    Metadata,
    Output,
    Resource,
    Text100,
    Text200,
    TimeZone,
)
from app.domain.errors import Code

CustomerKind = Literal["business", "sole_trader", "consumer"]
ChannelType = Literal["email", "sms", "whatsapp", "phone", "post"]
Consent = Literal["granted", "denied", "unknown"]


def _country(value: str) -> str:
    if not phonenumbers.country_code_for_region(value):
        raise PydanticCustomError(str(Code.invalid_value), "Send an ISO 3166 country code, such as MX or ES.")
    return value


Country = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 country.", examples=["MX"]),
    AfterValidator(_country),
]


class _EmailAddress(Input):
    address: Email


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
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise PydanticCustomError(
            str(Code.invalid_format), "Send a phone number with its country code, such as +525512345678."
        )
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
    country: Country | None = Field(default=None)
    currency: Currency | None = Field(default=None, description="The currency usually invoiced.")
    dunning_policy_id: UUID | None = Field(
        default=None, description="Policy of the customer's invoices; the tenant's default if left out."
    )
    contacts: list[ContactInput] = Field(default=[], max_length=50, description="Whom to write to.")
    metadata: Metadata = Field(default={})


class CustomerCreate(CustomerFields):
    """A new customer."""

    external_id: ExternalId | None = None


class CustomerUpdate(CustomerFields):
    """Changes to a customer: fields left out stay as they are; `contacts` and `metadata` are replaced whole."""

    name: Text200 = Field(default="", description="Name as it appears in messages.")
    external_id: ExternalId | None = None


class ChannelOutput(Output):
    """One way to reach a contact."""

    type: ChannelType = Field(description="What kind of address it is.")
    address: str = Field(description="The address.")
    consent: Consent = Field(description="Whether the person agreed to be contacted here.")
    preferred: bool = Field(description="Used first among the addresses of its type.")


class ContactOutput(Output):
    """A person or desk at the customer."""

    id: UUID = Field(description="Id of the contact.")
    name: str | None = Field(description="Who it is.")
    role: str | None = Field(description="What they do.")
    channels: list[ChannelOutput] = Field(description="Ways to reach them.")


class CustomerOutput(Resource):
    """A customer: the debtor."""

    external_id: str | None = Field(description="Your own id of the customer.")
    name: str = Field(description="Name as it appears in messages.")
    kind: CustomerKind = Field(description="Decides which contact rules protect the customer.")
    tax_id: str | None = Field(description="RFC, NIF, NIT or the like.")
    locale: str | None = Field(description="Language of messages; null is the tenant's.")
    time_zone: str | None = Field(description="Where send windows apply; null is the tenant's.")
    country: str | None = Field(description="ISO 3166-1 alpha-2 country.")
    currency: str | None = Field(description="The currency usually invoiced.")
    dunning_policy_id: UUID | None = Field(description="Policy of the customer's invoices; null is the default one.")
    contacts: list[ContactOutput] = Field(description="Whom to write to.")
    metadata: dict[str, str] = Field(description="Your own strings.")


class CustomerPage(Output):
    """A page of customers, newest first."""

    data: list[CustomerOutput] = Field(description="The customers.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
