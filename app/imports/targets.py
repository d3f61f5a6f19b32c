"""The fields that a column of a file can fill, read from the forms of the API itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from app.core.forms import leaves
from app.core.schemas import Input
from app.customers.schemas import CustomerCreate
from app.invoices.schemas import InvoiceCreate
from app.payments.schemas import PaymentCreate

Kind = Literal["customers", "invoices", "payments"]
INPUTS: Final[Mapping[str, type[Input]]] = {
    "customers": CustomerCreate,
    "invoices": InvoiceCreate,
    "payments": PaymentCreate,
}
CHANNELS: Final = ("email", "sms", "whatsapp", "phone", "post")
# A row has one contact, whose channels are columns of their own; a row of payments, one allocation.
_CONTACT: Final = ("name", "role", "consent", *CHANNELS)


@dataclass(frozen=True, slots=True)
class Target:
    """A field, by its path from the top of the resource, and how its text is to be read."""

    path: tuple[str, ...]
    reads: Literal["text", "date", "decimal"] = "text"

    @property
    def name(self) -> str:
        """The path as `mapping` names it."""
        return ".".join(self.path)


def find_target(kind: Kind, name: str) -> Target | None:
    """The field that a mapping or a header names."""
    known = targets(kind)
    if name in known:
        return known[name]
    first, _, key = name.partition(".")
    # Keys of the user's own may have dots in them.
    return Target((first, key)) if key and first in _maps(kind) else None


@lru_cache(maxsize=8)
def targets(kind: Kind) -> dict[str, Target]:
    """Every field with a fixed name."""
    found = {
        leaf.name: Target(leaf.path, _reads(leaf.form))
        for leaf in leaves(INPUTS[kind], mode="validation")
        if leaf.kind == "value"
    }
    if kind == "customers":
        found |= {f"contacts.{name}": Target(("contacts", name)) for name in _CONTACT}
    if kind == "payments":
        found["allocations.invoice_external_id"] = Target(("allocations", "invoice_external_id"))
        found["allocations.amount"] = Target(("allocations", "amount"), "decimal")
    return found


@lru_cache(maxsize=8)
def required(kind: Kind) -> frozenset[str]:
    """Fields without which no row can be valid, and the one by which a row is known when it comes again."""
    return frozenset({"external_id", *INPUTS[kind].model_json_schema().get("required", ())})


@lru_cache(maxsize=8)
def _maps(kind: Kind) -> frozenset[str]:
    return frozenset(leaf.name for leaf in leaves(INPUTS[kind], mode="validation") if leaf.kind == "map")


def _reads(form: dict[str, Any]) -> Literal["text", "date", "decimal"]:
    if form.get("format") == "date":
        return "date"
    pattern = form.get("pattern", "")
    is_decimal = bool(pattern) and re.search(pattern, "1.5") is not None and re.search(pattern, "1,5") is None
    return "decimal" if is_decimal and re.search(pattern, "a") is None else "text"
