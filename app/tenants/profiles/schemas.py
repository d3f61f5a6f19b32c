"""Wire forms of contact profiles."""

from datetime import date

from pydantic import Field

from app.core.contact_schemas import CustomerKind, SendWindowOutput
from app.core.schemas import Output
from app.domain.contact_profiles import ProfileKey
from app.domain.contact_rules import CapKind, ChannelClass


class NormOutput(Output):
    """Where a rule is written."""

    name: str = Field(description="The norm, as it is cited.", examples=["Ley 2300 de 2023, arts. 1-5"])
    url: str | None = Field(
        description="Where its text can be read.",
        examples=["http://www.secretariasenado.gov.co/senado/basedoc/ley_2300_2023.html"],
    )


class CapOutput(Output):
    """A limit on how often; it counts over all invoices, policies and channels of its class."""

    kind: CapKind = Field(
        description="`per_day`, `per_week` (Monday to Sunday): at most `limit`. `gap`: from `days` after the last one. "
        "`rolling`: at most `limit` within `days` consecutive dates. `after_conversation`: none for `days`, the day of "
        "the conversation being the first. `one_channel_after_conversation`: for the rest of its week only the channel "
        "by which the debtor was spoken with.",
        examples=["per_day"],
    )
    limit: int = Field(description="Contacts that are allowed, for the kinds that count.", examples=[1])
    days: int = Field(description="How long, in days, for the kinds that last; 0 for the others.", examples=[0])
    per_debt: bool = Field(description="Counted for each invoice, and not for the customer as a whole.")


class ChannelRulesOutput(Output):
    """What binds some classes of channels; a class that no rule names is free."""

    channels: list[ChannelClass] = Field(
        description="`calls_and_visits`, `messages` (e-mail, text messages, letters), or both, whose contacts then "
        "count together."
    )
    hours: list[SendWindowOutput] = Field(description="When contact may be made, in the customer's local time.")
    open_on_holidays: bool = Field(description="Whether public holidays are days like others.")
    caps: list[CapOutput] = Field(description="How often; customer-local dates.")


class ProfileVersionOutput(Output):
    """What a profile asks for from a date on."""

    valid_from: date = Field(description="First local date of it.", examples=["2023-10-10"])
    norms: list[NormOutput] = Field(description="Where it is written.")
    rules: list[ChannelRulesOutput] = Field(description="Hours and limits by class of channel.")
    calendar: str | None = Field(description="Whose public holidays are closed; null where none are.", examples=["CO"])
    needs_granted_consent: bool = Field(description="Only addresses with consent `granted` are used.")
    identifies_collector: bool = Field(description="Every message says who collects, and for whom.")
    needs_opt_out: bool = Field(description="Every electronic message says how to end them.")
    in_every_zone: bool = Field(description="The hours hold in `other_time_zones` of a customer too.")


class ContactProfileOutput(Output):
    """Legal contact rules that can be kept."""

    key: ProfileKey = Field(description="What `contact_profile` names.", examples=["co_ley_2300"])
    title: str = Field(description="Its name for people.", examples=["Colombia, Ley 2300 de 2023"])
    country: str | None = Field(description="ISO 3166-1 country whose law it is; null for none.", examples=["CO"])
    protects: list[CustomerKind] = Field(
        description="Kinds of customers; for others the profile does nothing.", examples=[["consumer"]]
    )
    versions: list[ProfileVersionOutput] = Field(description="By their dates; empty where there is no rule.")


class HoldPresetOutput(Output):
    """A hold that a law knows."""

    key: str = Field(description="Its name.", examples=["uk_breathing_space"])
    title: str = Field(description="Its name for people.", examples=["England and Wales, breathing space"])
    protects: list[CustomerKind] = Field(
        description="Kinds of customers who can ask for it.", examples=[["consumer", "sole_trader"]]
    )
    days: int = Field(description="How long it lasts, its first day counted.", examples=[60])
    effects: list[str] = Field(description="What it stops.", examples=[["contact", "charges"]])
    norm: NormOutput = Field(description="Where it is written.")
    valid_from: date = Field(description="Since when there is such a hold.", examples=["2021-05-04"])


class ContactProfileList(Output):
    """Every contact profile."""

    data: list[ContactProfileOutput] = Field(description="The profiles.")
    hold_presets: list[HoldPresetOutput] = Field(description="Holds that a law knows.")
    notice: str = Field(description="What this is not.", examples=["A help, and no legal advice."])
