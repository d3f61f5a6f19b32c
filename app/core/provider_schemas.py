"""Wire forms of a tenant's accounts at providers of text messages."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.core.schemas import Input, Output
from app.domain.errors import Code

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SMS_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-f]{32}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_PRINTABLE = re.compile(r"[!-~]+")


def _plain(value: str) -> str:
    if not _PRINTABLE.fullmatch(value):
        raise PydanticCustomError(str(Code.invalid_format), "Send it as the provider shows it, without blanks.")
    return value


def _sms_sender(value: str) -> str:
    if not _SMS_SENDER.fullmatch(value):
        raise PydanticCustomError(
            str(Code.invalid_format),
            "Send a phone number such as +525512345678, a short code, a name of up to 11 letters and digits, or the "
            "id of a pool of numbers (MG…).",
        )
    return value


def _whatsapp_sender(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise PydanticCustomError(str(Code.invalid_format), "Send the phone number of the sender: +525512345678.")
    return value


class _AccountInput(Input):
    base_url: str = Field(
        default="https://api.twilio.com",
        max_length=500,
        description="Where the provider's interface begins: Twilio's, or that of one which speaks like it.",
    )
    account_id: Annotated[str, AfterValidator(_plain)] = Field(
        min_length=2,
        max_length=100,
        description="Id of your account at the provider.",
        examples=["AC0123456789abcdef0123456789abcdef"],
    )
    token: Annotated[str, AfterValidator(_plain)] | None = Field(
        default=None,
        min_length=8,
        max_length=200,
        description="The account's secret. It is stored encrypted and never shown; left out, the one that is kept for "
        "the same address and account stays.",
        examples=["0123456789abcdef0123456789abcdef"],
    )


class SmsAccountInput(_AccountInput):
    """The account that SMS leave through."""

    sender: Annotated[str, AfterValidator(_sms_sender)] = Field(
        alias="from",
        max_length=40,
        description="What messages come from: a number, a short code, a name, or the id of a pool of numbers.",
        examples=["+525512345678"],
    )


class WhatsappAccountInput(_AccountInput):
    """The account that WhatsApp messages leave through."""

    sender: Annotated[str, AfterValidator(_whatsapp_sender)] = Field(
        alias="from",
        max_length=40,
        description="The number that messages come from.",
        examples=["+525512345678"],
    )


class ChannelsInput(Input):
    """Accounts at providers, by channel: what is left out stays as it is, null takes the account away."""

    sms: SmsAccountInput | None = Field(default=None, description="For `sms`; null for none.")
    whatsapp: WhatsappAccountInput | None = Field(
        default=None,
        description="For `whatsapp`; null for none. For a day after the customer's last message (see `POST "
        "/v1/customers/{customer_id}/inbound-messages`) any text is sent, otherwise the template's "
        "`provider_template`, whose blanks are filled with 1 the person, 2 your company, 3 the total, 4 the invoices' "
        "numbers, 5 the first one's due date, 6 the payment link or whom to ask.",
    )

    def changes(self) -> dict[str, Any]:
        """The named accounts, with all of theirs."""
        return {
            name: None if (account := getattr(self, name)) is None else account.model_dump(by_alias=True)
            for name in self.model_fields_set
        }


class AccountOutput(Output):
    """An account at a provider, without its secret."""

    base_url: str = Field(description="Where the provider's interface begins.", examples=["https://api.twilio.com"])
    account_id: str = Field(description="Id of your account.", examples=["AC0123456789abcdef0123456789abcdef"])
    sender: str = Field(alias="from", description="What messages come from.", examples=["+525512345678"])
    paused_until: datetime | None = Field(
        description="The provider did not answer or limits you: nothing goes this way before (UTC).", examples=[None]
    )


class ChannelsOutput(Output):
    """Accounts at providers, by channel."""

    sms: AccountOutput | None = Field(description="For `sms`; null for none.")
    whatsapp: AccountOutput | None = Field(description="For `whatsapp`; null for none.")
