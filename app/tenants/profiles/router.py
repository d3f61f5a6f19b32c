"""HTTP for contact profiles."""

from starlette.responses import Response

from app.core.responses import json_response, problems
from app.deps import Uow, tenant_router
from app.tenants.profiles import service
from app.tenants.profiles.schemas import ContactProfileList

router = tenant_router("/v1/contact-profiles", "Contact profiles")


@router.get("", response_model=ContactProfileList, responses=problems(), operation_id="list_contact_profiles")
async def list_contact_profiles(_uow: Uow) -> Response:
    """List the legal contact rules that can be kept, with their hours, limits, sources and dates.

    Choose one by `contact_profile` or `contact_rules` of the tenant, or `contact_profile` of a customer. A profile does
    nothing for kinds of customers that it does not protect. None of this is legal advice.
    """
    return json_response(service.profiles())
