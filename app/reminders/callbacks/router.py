"""HTTP for providers: no API key, but an address that only we can make and a signature that only they can make."""

from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.core.errors import not_found
from app.core.uow import Database
from app.deps import settings_of
from app.reminders.callbacks import service
from app.reminders.tokens import callback_url, read_token

# Not in the document, which is for those who integrate with us: what is said here is the provider's own form.
router = APIRouter(prefix="/v1/provider-callbacks", include_in_schema=False)

_MOST_FIELDS: Final = 200


@router.post("/twilio/{token}")
async def take_twilio_callback(request: Request, token: str) -> Response:
    """Take in a status callback of a message."""
    settings = settings_of(request)
    target = read_token(settings, token)
    url = callback_url(settings, target) if target is not None else None
    if target is None or url is None:
        raise not_found("callback")
    try:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Response(status_code=400)
    database: Database = request.app.state.database
    async with database.unit_of_work(target.tenant_id) as uow:
        signed = request.headers.get("x-twilio-signature", "")
        await service.take(uow, settings, target, url=url, signed=signed, fields=fields)
    return Response(status_code=204)
