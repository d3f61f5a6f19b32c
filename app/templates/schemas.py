"""Wire forms of templates."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import ExternalId, Input, LocaleTag, Metadata, Output, Text200
from app.domain.errors import Code

Channel = Literal["email", "sms", "whatsapp", "letter", "call"]
Tone = Literal["friendly", "firm", "formal", "final"]
VariableKind = Literal["text", "number", "yes_no", "block", "group", "list"]

TemplateKey = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$",
        description="What a policy's step names: lower-case letters, digits and `_ . -`. With the key of a template "
        "that ships, this one takes its place; any other key is a template of your own.",
        examples=["first_notice"],
    ),
]
Language = Annotated[
    LocaleTag,
    Field(
        description="Language of the text. A customer reads exactly their locale, else their language, else the same "
        "of the tenant's locale, else Spanish; each time your own template before the one that ships.",
        examples=["es-MX"],
    ),
]
_BODY = (
    "Plain text with `{{ variable }}`, `{% if %}` and `{% for %}`; `GET /v1/templates/variables` lists what there is. "
    "A blank line begins a paragraph. Left out, it is made from `body_html`."
)
_HTML = (
    "HTML of an e-mail or letter, its values escaped; a page of its own where it begins with `<!doctype` or `<html`, "
    "else the inside of one. Left out, it is made from `body`."
)
_SUBJECT = "Of an e-mail or letter, one line with variables; other channels have none."
_PROVIDER = "Name of the approved template at the provider, for WhatsApp alone."
_TONE = "How it speaks; the shipped template's with this key if left out, else `friendly`."

Subject = Annotated[str, Field(max_length=300)]
Body = Annotated[str, Field(max_length=15_000)]
BodyHtml = Annotated[str, Field(max_length=50_000)]
ProviderTemplate = Annotated[str, Field(max_length=200)]
_EXAMPLE_BODY = "{{ greeting }}\n\nLe recordamos que su factura {{ invoice.number }} {{ invoice.due }}."


class TemplateDraft(Input):
    """What a template says."""

    key: TemplateKey
    language: Language
    channel: Channel = Field(description="What it is written for; `call` is a script for the telephone.")
    tone: Tone | None = Field(default=None, description=_TONE)
    subject: Subject | None = Field(
        default=None, description=_SUBJECT, examples=["{{ company.name }}: factura {{ invoice.number }}"]
    )
    body: Body | None = Field(default=None, description=_BODY, examples=[_EXAMPLE_BODY])
    body_html: BodyHtml | None = Field(default=None, description=_HTML, examples=[None])
    provider_template: ProviderTemplate | None = Field(default=None, description=_PROVIDER, examples=[None])


class TemplateCreate(TemplateDraft):
    """A new template."""

    name: Text200 = Field(description="What people call it.", examples=["Primer aviso, nuestro"])
    active: bool = Field(default=True, strict=True, description="Whether it is used.")
    metadata: Metadata = Field(default={})


class TemplateUpdate(Input):
    """Changes to a template: fields left out stay as they are; key, language and channel never change."""

    tone: Tone = Field(default="friendly", description="How it speaks.")
    name: Text200 = Field(default="-", description="What people call it.")
    subject: Subject | None = Field(
        default=None, description=_SUBJECT, examples=["{{ company.name }}: factura {{ invoice.number }}"]
    )
    body: Body | None = Field(default=None, description=_BODY, examples=[_EXAMPLE_BODY])
    body_html: BodyHtml | None = Field(default=None, description=_HTML, examples=[None])
    provider_template: ProviderTemplate | None = Field(default=None, description=_PROVIDER, examples=[None])
    active: bool = Field(default=True, strict=True, description="Whether it is used.")
    metadata: Metadata = Field(default={})


class PreviewCase(Input):
    """Whom and what a preview is about: an invoice, or all that a customer owes; a made-up case if left out."""

    invoice_id: UUID | None = Field(
        default=None, description="An open invoice; or send `invoice_external_id`.", examples=[None]
    )
    invoice_external_id: ExternalId | None = Field(
        default=None, description="Your own id of the invoice.", examples=[None]
    )
    customer_id: UUID | None = Field(
        default=None,
        description="A customer: what is overdue in one currency, or all that is open where nothing is.",
        examples=[None],
    )
    customer_external_id: ExternalId | None = Field(
        default=None, description="Your own id of the customer.", examples=[None]
    )

    @model_validator(mode="after")
    def _one_case(self) -> Self:
        ids = (self.invoice_id, self.invoice_external_id, self.customer_id, self.customer_external_id)
        if sum(value is not None for value in ids) > 1:
            raise PydanticCustomError(str(Code.invalid_value), "Name one invoice or one customer, or neither.")
        return self

    def case(self) -> dict[str, Any]:
        """The ids alone."""
        return {name: getattr(self, name) for name in PreviewCase.model_fields}


class PreviewDraft(TemplateDraft, PreviewCase):
    """A template that is not kept, and whom and what its preview is about."""


class TemplateOutput(Output):
    """A template."""

    id: UUID = Field(description="Id of the template.")
    built_in: bool = Field(description="It ships with Puntual, and stays as it is.", examples=[False])
    key: str = Field(description="What a policy's step names.", examples=["first_notice"])
    language: str = Field(description="Language of the text.", examples=["es-MX"])
    channel: Channel = Field(description="What it is written for.")
    tone: Tone = Field(description="How it speaks.")
    name: str = Field(description="What people call it.", examples=["Primer aviso, nuestro"])
    subject: str | None = Field(
        description="Of an e-mail or letter; null for other channels.",
        examples=["{{ company.name }}: factura {{ invoice.number }}"],
    )
    body: str | None = Field(
        description="Plain text; null where it is made from `body_html`.", examples=[_EXAMPLE_BODY]
    )
    body_html: str | None = Field(description="HTML; null where it is made from `body`.", examples=[None])
    provider_template: str | None = Field(description=_PROVIDER, examples=[None])
    active: bool = Field(
        description="It is used; false for one that ships where your own takes its place.", examples=[True]
    )
    metadata: dict[str, str] = Field(description="Your own strings.")
    version: int = Field(description="Counts the changes of the template; also its ETag.", examples=[1])
    created_at: datetime | None = Field(description="When it was created; null for one that ships.")
    updated_at: datetime | None = Field(description="When it last changed; null for one that ships.")


class TemplatePage(Output):
    """A page of templates: your own, newest first, then those that ship."""

    data: list[TemplateOutput] = Field(description="The templates.")
    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null on the last one.")


class VariableOutput(Output):
    """One variable of templates."""

    name: str = Field(
        description="As a template writes it; `invoices[].number` is `item.number` in `{% for item in invoices %}`.",
        examples=["invoice.number"],
    )
    kind: VariableKind = Field(
        description="`block` is several lines that fit text and HTML; a `group` has parts and can be asked for with "
        "`{% if %}`; a `list` is walked with `{% for %}`.",
        examples=["text"],
    )
    description: str = Field(description="What it is.", examples=["Its number."])
    example: str = Field(description="What it may look like; empty for groups, lists and blocks.", examples=["F-1001"])


class FilterOutput(Output):
    """One filter of templates."""

    name: str = Field(description="As a template writes it.", examples=["upper"])
    description: str = Field(description="What it does.", examples=["In capitals."])


class VocabularyOutput(Output):
    """All that a template can speak of."""

    variables: list[VariableOutput] = Field(description="The variables.")
    filters: list[FilterOutput] = Field(description="The filters.")


class PreviewSender(Output):
    """Who the message is from."""

    name: str = Field(description="The sender's name.", examples=["Cobranza Comercial Ñandú"])
    address: str = Field(description="The sender's address.", examples=["cobranza@example.com"])


class PreviewOutput(Output):
    """A message exactly as it would be sent."""

    channel: Channel = Field(description="What it is written for.")
    language: str = Field(description="Language of the text.", examples=["es-MX"])
    tone: Tone = Field(description="How it speaks.")
    sender: PreviewSender = Field(description="Who an e-mail is from: the tenant's `sender`.")
    reply_to: str | None = Field(description="Where answers to an e-mail go, when not to the sender.", examples=[None])
    subject: str | None = Field(description="Of an e-mail or letter.")
    text: str = Field(description="The plain text.")
    html: str | None = Field(description="The HTML of an e-mail or letter.", examples=[None])
    provider_template: str | None = Field(description=_PROVIDER, examples=[None])
    length: int = Field(description="Characters of the text; of an SMS the places in its alphabet.", examples=[142])
    message_count: int = Field(description="As how many messages an SMS is sent; 1 for others.", examples=[1])
