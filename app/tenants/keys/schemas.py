"""Wire forms of API keys."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.core.schemas import Input, Instant, Output, Resource, Text100
from app.core.security import is_scope
from app.domain.errors import Code


def _scope(value: str) -> str:
    if not is_scope(value):
        raise PydanticCustomError(
            str(Code.invalid_value),
            "Send read, write or admin, or one of them for a resource, named as in its path: invoices:write.",
        )
    return value


def _unique(value: list[str]) -> list[str]:
    return sorted(set(value))


Scope = Annotated[str, Field(max_length=60), AfterValidator(_scope)]
Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=50,
        description="What the key may do: `read`, `write` or `admin` everywhere, or for one resource "
        "(`invoices:write`). `write` includes `read`, `admin` includes both.",
        examples=[["customers:write", "invoices:write", "read"]],
    ),
    AfterValidator(_unique),
]


class KeyCreate(Input):
    """A new API key."""

    name: Text100 = Field(description="What uses the key, so that it is known which one to revoke.", examples=["ERP"])
    scopes: Scopes
    expires_at: Instant | None = Field(
        default=None, description="When it stops working, in real time also for a test tenant; null for never."
    )


class KeyRotate(Input):
    """How a key is replaced."""

    overlap_hours: int = Field(
        default=24, ge=0, le=168, strict=True, description="Hours of real time for which the old key goes on working."
    )
    expires_at: Instant | None = Field(
        default=None,
        description="When the new key stops working; null for never; the old key's own expiry if left out.",
    )


class KeyOutput(Resource):
    """An API key, without its secret."""

    name: str = Field(description="What uses the key.")
    prefix: str = Field(description="The key's public part, by which you recognise it.")
    scopes: list[str] = Field(description="What the key may do.")
    expires_at: datetime | None = Field(description="When it stops working, in real time; null for never.")
    revoked_at: datetime | None = Field(description="When it was revoked, in real time; null if it was not.")


class NewKeyOutput(KeyOutput):
    """A fresh API key with its secret, which is shown this once."""

    key: str = Field(
        description="The whole key, for `Authorization: Bearer`. Only a hash of it is stored.",
        examples=["pun_live_0123456789abcdef_<secret>"],
    )


class KeyPage(Output):
    """A page of API keys, newest first."""

    data: list[KeyOutput] = Field(description="The keys, revoked and expired ones too.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")
