"""HTTP for dunning policies."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.core.errors import FieldError
from app.core.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from app.core.problems import field_error, field_error_payload
from app.core.responses import CREATE, LIST, READ, WRITE, check_if_match, json_response, problems, resource_response
from app.core.schemas import given
from app.deps import Uow, tenant_router
from app.outbox.payloads import policy_payload
from app.policies import repository, service
from app.policies.schemas import (
    PolicyCreate,
    PolicyExport,
    PolicyImport,
    PolicyOutput,
    PolicyPage,
    PolicyStatus,
    PolicyUpdate,
    PolicyValidation,
    PolicyVersions,
)

router = tenant_router("/v1/dunning-policies", "Dunning policies")

VersionNumber = Annotated[int, Path(ge=1, le=2_147_483_647, description="Number of the version, from 1.")]
# The body is read by hand, because what is wrong with it is the answer and not an error.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PolicyCreate"}}},
    }
}


@router.post("", status_code=201, response_model=PolicyOutput, responses=CREATE, operation_id="create_dunning_policy")
async def create_dunning_policy(uow: Uow, body: PolicyCreate) -> Response:
    """Create a dunning policy as a draft.

    It chases nothing until it is published.
    """
    policy, version = await service.create(uow, body.model_dump())
    await uow.flush()
    return resource_response(policy_payload(policy, version), status=201)


@router.get("", response_model=PolicyPage, responses=LIST, operation_id="list_dunning_policies")
async def list_dunning_policies(
    uow: Uow,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    status: Annotated[
        PolicyStatus | None, Query(description="Only those whose latest version has this status.")
    ] = None,
    default: Annotated[
        bool | None, Query(description="`true`: the tenant's default policy alone; `false`: all others.")
    ] = None,
) -> Response:
    """List dunning policies by their latest versions, newest first."""
    rows = await repository.list_page(uow, limit=limit, before=decode_cursor(cursor), status=status, default=default)
    return json_response(page(rows, limit, lambda row: policy_payload(*row), lambda row: row[0].id))


@router.post(
    "/validate",
    response_model=PolicyValidation,
    responses=problems(413, 415),
    operation_id="validate_dunning_policy",
    openapi_extra=_BODY,
)
async def validate_dunning_policy(uow: Uow, request: Request) -> Response:
    """Check a dunning policy as creating and publishing it would, and say what is wrong; nothing is stored.

    Warnings tell what is allowed and probably not meant.
    """
    warnings: Sequence[FieldError] = ()
    try:
        body = PolicyCreate.model_validate(await request.json())
    except ValidationError as error:
        faults = [_fault(found) for found in error.errors(include_url=False, include_input=False)]
    else:
        errors, warnings = await service.explain(uow, body.model_dump())
        faults = list(errors)
    return json_response({
        "valid": not faults,
        "errors": [field_error_payload(fault) for fault in faults],
        "warnings": [field_error_payload(warning) for warning in warnings],
    })  # fmt: skip


@router.post(
    "/import",
    response_model=PolicyOutput,
    responses={**CREATE, 201: {"description": "The policy was created.", "model": PolicyOutput}},
    operation_id="import_dunning_policy",
)
async def import_dunning_policy(uow: Uow, body: PolicyImport) -> Response:
    """Create or change a dunning policy from an export, as a draft.

    The policy of the same `name` is changed as PATCH would change it; where there is none, it is created (201).
    """
    policy, version, is_new = await service.take_in(uow, body.model_dump(exclude={"format"}))
    await uow.flush()
    return resource_response(policy_payload(policy, version), status=201 if is_new else 200)


@router.get("/{policy_id}", response_model=PolicyOutput, responses=READ, operation_id="get_dunning_policy")
async def get_dunning_policy(uow: Uow, policy_id: UUID) -> Response:
    """Read the latest version of a dunning policy."""
    return resource_response(policy_payload(*await service.get(uow, policy_id)))


@router.patch("/{policy_id}", response_model=PolicyOutput, responses=WRITE, operation_id="update_dunning_policy")
async def update_dunning_policy(uow: Uow, request: Request, policy_id: UUID, body: PolicyUpdate) -> Response:
    """Change the named fields of a dunning policy.

    A draft is changed in place. A published version never changes: above it a new draft is begun, a copy of it with
    the changes, which takes effect when it is published. Running cases stay with the version they started with.
    """
    policy, version = await service.lock(uow, policy_id)
    check_if_match(request, policy.version)
    latest = await service.update(uow, policy, version, given(body))
    await uow.flush()
    return resource_response(policy_payload(policy, latest))


@router.post(
    "/{policy_id}/publish", response_model=PolicyOutput, responses=WRITE, operation_id="publish_dunning_policy"
)
async def publish_dunning_policy(uow: Uow, request: Request, policy_id: UUID) -> Response:
    """Publish the draft of a dunning policy.

    New cases start with it from now on, and open invoices that had no policy get a case. With `default: true` it
    becomes the tenant's default policy in place of the one before. Running cases stay with their version.
    """
    policy, version = await service.lock(uow, policy_id)
    check_if_match(request, policy.version)
    await service.publish(uow, policy, version)
    return resource_response(policy_payload(policy, version))


@router.get(
    "/{policy_id}/versions",
    response_model=PolicyVersions,
    responses=READ,
    operation_id="list_dunning_policy_versions",
)
async def list_dunning_policy_versions(uow: Uow, policy_id: UUID) -> Response:
    """List all versions of a dunning policy, newest first."""
    policy, versions = await service.get_versions(uow, policy_id)
    return json_response({"data": [policy_payload(policy, version) for version in versions], "next_cursor": None})


@router.get(
    "/{policy_id}/versions/{number}",
    response_model=PolicyOutput,
    responses=READ,
    operation_id="get_dunning_policy_version",
)
async def get_dunning_policy_version(uow: Uow, policy_id: UUID, number: VersionNumber) -> Response:
    """Read one version of a dunning policy."""
    return resource_response(policy_payload(*await service.get_version(uow, policy_id, number)))


@router.get("/{policy_id}/export", response_model=PolicyExport, responses=READ, operation_id="export_dunning_policy")
async def export_dunning_policy(
    uow: Uow,
    policy_id: UUID,
    version: Annotated[
        int | None, Query(ge=1, le=2_147_483_647, description="Number of the version; left out, the latest.")
    ] = None,
) -> Response:
    """Read a dunning policy as a document without ids, to be imported here or by another tenant."""
    found = await (service.get(uow, policy_id) if version is None else service.get_version(uow, policy_id, version))
    return json_response(service.exported(*found))


def _fault(error: Any) -> FieldError:
    return field_error({**error, "loc": ("body", *error["loc"])})
