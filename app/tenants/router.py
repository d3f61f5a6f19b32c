"""HTTP for the tenant's own settings."""

from fastapi import Request
from starlette.responses import Response

from app.core.responses import READ, WRITE, check_if_match, resource_response
from app.deps import AppSettings, Uow, tenant_router
from app.outbox.payloads import tenant_payload
from app.tenants import service
from app.tenants.providers import put_accounts
from app.tenants.schemas import TenantOutput, TenantUpdate

router = tenant_router("/v1/tenant", "Tenant")


@router.get("", response_model=TenantOutput, responses=READ, operation_id="get_tenant")
async def get_tenant(uow: Uow) -> Response:
    """Read the settings of the tenant that the API key belongs to."""
    return resource_response(tenant_payload(await service.get(uow)))


@router.patch("", response_model=TenantOutput, responses=WRITE, operation_id="update_tenant")
async def update_tenant(uow: Uow, settings: AppSettings, request: Request, body: TenantUpdate) -> Response:
    """Change the named settings of the tenant.

    They apply from now on: amounts and dates that are stored stay what they are. Setting `sending` to `live` on a live
    tenant is what starts sending.
    """
    tenant = await service.lock(uow)
    check_if_match(request, tenant.version)
    fields = body.changes()
    if "channels" in fields:
        fields["channels"] = put_accounts(settings, tenant.channels, fields["channels"])
    await service.update(uow, tenant, fields)
    return resource_response(tenant_payload(tenant))
