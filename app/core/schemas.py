"""Building blocks of request and response schemas: what text, money, dates and references look like on the wire."""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.core.errors import FieldError
from app.domain.errors import Code
from app.domain.money import MoneyError, is_currency, parse_amount

MONEY_PATTERN = r"^-?(0|[1-9][0-9]{0,14})([.][0-9]{1,4})?$"
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
# What can be written to without SMTPUTF8: an ASCII local part, and a domain that has an ASCII form.
_EMAIL_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

DifferenceReason = Literal["bank_fee", "withholding_tax", "rounding", "short_payment", "exchange_difference"]
"""Why an amount was closed without money."""


class Input(BaseModel):
    """A request body: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class Output(BaseModel):
    """A response body, for the documentation; answers are built by `app.outbox.payloads`."""

    model_config = ConfigDict(extra="forbid")


class Resource(Output):
    """What every resource has."""

    id: UUID = Field(description="UUIDv7 of the resource.")
    version: int = Field(description="Counts the changes of the resource; also its ETag.", examples=[1])
    created_at: datetime = Field(description="When it was created, by the tenant's clock (UTC).")
    updated_at: datetime = Field(description="When it last changed, by the tenant's clock (UTC).")


class InFlightOutput(Output):
    """A reminder that was already claimed when this was acknowledged."""

    reminder_id: UUID = Field(description="The reminder; it starts within two seconds or not at all.")
    channel: str = Field(description="How it goes out.")
    invoice_ids: list[UUID] = Field(description="The invoices it is about.")


def _money_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise PydanticCustomError(
        str(Code.money_not_string),
        'Send money as a decimal string such as "1234.56": JSON numbers pass through floats and lose cents.',
    )


def _currency(value: str) -> str:
    if not is_currency(value):
        raise PydanticCustomError(str(Code.unknown_currency), "Send an active ISO 4217 code, such as MXN or EUR.")
    return value


def _bounded_day(value: date) -> date:
    if not _FIRST_DAY <= value <= _LAST_DAY:
        raise PydanticCustomError(str(Code.out_of_range), "Dates lie between 1970-01-01 and 2999-12-31.")
    return value


def _day_text(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise PydanticCustomError(str(Code.invalid_format), "Send a date as YYYY-MM-DD.")


def _instant_text(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and "T" in value):
        return value
    raise PydanticCustomError(str(Code.invalid_format), "Send an instant such as 2026-11-21T09:00:00Z.")


def _bounded_instant(value: datetime) -> datetime:
    if not _FIRST_DAY <= value.date() <= _LAST_DAY:
        raise PydanticCustomError(str(Code.out_of_range), "Instants lie between 1970-01-01 and 2999-12-31.")
    return value


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _time_zone(value: str) -> str:
    if value not in _zones():
        raise PydanticCustomError(
            str(Code.invalid_value), "Send an IANA time zone, such as America/Mexico_City or Europe/Madrid."
        )
    return value


def _locale(value: str) -> str:
    try:
        if _LANGUAGE_TAG.fullmatch(value):
            Locale.parse(value, sep="-")
            return value
    except (UnknownLocaleError, ValueError):
        pass
    raise PydanticCustomError(str(Code.invalid_value), "Send a language tag such as es-MX, es-ES or en-US.")


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if len(local) > 64 or not _EMAIL_LOCAL_PART.fullmatch(local) or not _is_domain(domain):
        raise PydanticCustomError(
            str(Code.invalid_format),
            "Send one e-mail address, such as cobranza@example.com; before the @ only unaccented characters.",
        )
    return value


def _is_domain(domain: str) -> bool:
    try:
        labels = (domain if domain.isascii() else domain.encode("idna").decode("ascii")).split(".")
    except UnicodeError:
        return False
    return len(labels) > 1 and all(_DOMAIN_LABEL.fullmatch(label) for label in labels)


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > 50:
        raise PydanticCustomError(str(Code.too_long), "Metadata holds up to 50 keys.")
    return value


def _not_blank(value: str) -> str:
    if not value:
        raise PydanticCustomError(str(Code.too_short), "This text is empty; leave the field out instead.")
    return value


Money = Annotated[
    str,
    # Before the validator, which would hide it from the OpenAPI document.
    Field(
        pattern=MONEY_PATTERN,
        description="A decimal string with at most the currency's decimals.",
        examples=["1234.56"],
    ),
    BeforeValidator(_money_text),
]
Currency = Annotated[
    str,
    Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.", examples=["MXN"]),
    AfterValidator(_currency),
]
Day = Annotated[
    date,
    BeforeValidator(_day_text),
    AfterValidator(_bounded_day),
    Field(description="A calendar date, YYYY-MM-DD.", examples=["2026-11-21"]),
]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_instant_text),
    AfterValidator(_bounded_instant),
    Field(description="An instant with its offset.", examples=["2026-11-21T09:00:00Z"]),
]
TimeZone = Annotated[
    str,
    Field(max_length=64, description="IANA time zone.", examples=["America/Mexico_City"]),
    AfterValidator(_time_zone),
]
LocaleTag = Annotated[
    str, Field(max_length=16, description="BCP 47 language and country.", examples=["es-MX"]), AfterValidator(_locale)
]
Email = Annotated[
    str,
    Field(max_length=254, description="One e-mail address.", examples=["cuentas@example.com"]),
    AfterValidator(_email),
]
Text100 = Annotated[str, Field(max_length=100), AfterValidator(_not_blank)]
Text200 = Annotated[str, Field(max_length=200), AfterValidator(_not_blank)]
Text2000 = Annotated[str, Field(max_length=2000)]
ExternalId = Annotated[
    str,
    Field(
        max_length=200,
        description="Your own id of the resource; unique among the tenant's resources of its kind.",
        examples=["C-1001"],
    ),
    AfterValidator(_not_blank),
]
Metadata = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=500)]],
    Field(description="Up to 50 strings of your own, kept and given back unchanged.", examples=[{"branch": "norte"}]),
    AfterValidator(_metadata),
]
Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s]+$", examples=["https://pay.example.com/F-1001"])]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", examples=["09:00"])]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class SendWindowSchema(Input):
    """When messages may leave, in the customer's local time: `[start, end)` on the listed days."""

    start: TimeOfDay = Field(description="Opens at this local time, inclusive.")
    end: TimeOfDay = Field(description="Closes at this local time, exclusive; `24:00` is the end of the day.")
    days: list[Weekday] = Field(min_length=1, max_length=7, description="Days on which it opens.")


class ProblemField(Output):
    """One fault of one field."""

    pointer: str = Field(description="JSON pointer into the body, or `?name` of a query parameter.")
    code: str = Field(description="A stable code.")
    message: str = Field(description="What is wrong and how to mend it.")


class Problem(Output):
    """A problem document (RFC 9457)."""

    type: str = Field(description="A URI that names the kind of problem.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do about it.")
    code: str = Field(description="A stable code for programs.")
    request_id: str | None = Field(description="Tell us this id when you ask about the request.")
    errors: list[ProblemField] = Field(default=[], description="Faults by field, for bad input.")


def to_minor(pointer: str, amount: str, currency: str) -> int | FieldError:
    """An amount of the wire in minor units, or what is wrong with it."""
    try:
        return parse_amount(amount, currency)
    except MoneyError as error:
        return FieldError(pointer, error.code, error.message)


def require_one(body: BaseModel, *names: str) -> None:
    """See to it that a body has exactly one of some fields.

    Raises:
        PydanticCustomError: it has none of them, or several.
    """
    if sum(getattr(body, name) is not None for name in names) != 1:
        raise PydanticCustomError(str(Code.missing), f"Send one of {', '.join(names[:-1])} and {names[-1]}.")


def given(model: BaseModel) -> Mapping[str, Any]:
    """The fields that a request named, for PATCH; each of them whole, with the defaults of what is nested in it."""
    return {name: value for name, value in model.model_dump().items() if name in model.model_fields_set}
