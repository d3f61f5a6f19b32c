"""Wire forms of what decides when a customer may be contacted; the tenant and each customer can say it."""

from typing import Annotated, Literal, Self

import phonenumbers
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import Output, SendWindowSchema, Weekday
from app.domain.contact_profiles import ProfileKey
from app.domain.errors import Code
from app.domain.windows import SendWindow, WindowError

CustomerKind = Literal["business", "sole_trader", "consumer"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _country(value: str) -> str:
    if not phonenumbers.country_code_for_region(value):
        raise PydanticCustomError(str(Code.invalid_value), "Send an ISO 3166 country code, such as MX or ES.")
    return value


Country = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 country.", examples=["MX"]),
    AfterValidator(_country),
]
ContactProfileKey = Annotated[ProfileKey, Field(examples=["co_ley_2300"])]


class SendWindowInput(SendWindowSchema):
    """When messages may leave, in the customer's local time: `[start, end)` on the listed days."""

    @model_validator(mode="after")
    def _opens(self) -> Self:
        self.days = [day for day in WEEK if day in self.days]
        try:
            SendWindow.of(self.start, self.end, [WEEK.index(day) for day in self.days])
        except WindowError as error:
            raise PydanticCustomError(str(Code.window_never_opens), "{why}", {"why": str(error)}) from error
        return self


class SendWindowOutput(Output):
    """When messages may leave, in the customer's local time: `[start, end)` on the listed days."""

    start: str = Field(description="Opens at this local time, inclusive.", examples=["09:00"])
    end: str = Field(description="Closes at this local time, exclusive; `24:00` is the end of the day.")
    days: list[Weekday] = Field(description="Days on which it opens.")
