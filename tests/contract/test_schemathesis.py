"""Schemathesis calls every operation, with what the document allows and with what it does not.

It looks for answers that the document does not announce: a status, a header or a body of another form, a 5xx, bad
input that is accepted, a key that is not asked for. Of its checks one is left out: *positive data acceptance*, since
what a schema can say is not all that is asked of a request (an invoice must belong to a customer who exists).

How far it comes in its time depends on the machine. Before a release it runs longer, and from other seeds:
`SCHEMATHESIS_SECONDS=900 SCHEMATHESIS_SEED=7 make test ARGS=tests/contract/test_schemathesis.py`.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Api
from tests.contract.seeding import seed
from tests.contract.served import Served

HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "90"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20261121"))
EXAMPLES = 12 if SECONDS <= 90 else 40
SHARE_OF_OPERATIONS = 0.6


def ambiguous() -> list[str]:
    """Paths that a path with a parameter matches as well."""
    paths = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    open_ended = {path.rpartition("/")[0] for path in paths if path.endswith("}")}
    return [path for path in paths if not path.endswith("}") and path.rpartition("/")[0] in open_ended]


def settings(known: dict[str, Any]) -> str:
    """Its settings: most path parameters lead to what exists, the others to nothing."""
    lines = [
        f'hooks = "{HOOKS}"',
        "workers = 1",  # CPython 3.11 cannot parse code in two threads at once, which hypothesis does
        f"seed = {SEED}",
        f"max-time = {SECONDS}",
        "continue-on-failure = true",
        "max-failures = 60",
        "request-timeout = 150",  # a year of a test clock, on a busy machine
        "[output.truncation]",
        "enabled = false",
        "[generation]",
        f"max-examples = {EXAMPLES}",
        "no-shrink = true",
        'database = "none"',
        "[checks.positive_data_acceptance]",
        "enabled = false",
        "[checks.negative_data_rejection]",
        # Of a URL too long nothing else is looked at.
        'expected-statuses = ["400", "401", "403", "404", "409", "412", "413", "414", "415", "422", "429", "431"]',
        "[phases.stateful]",
        "max-steps = 4",
        # A revoked key stays readable, so that it is known when and that it was revoked.
        "[[operations]]",
        'include-operation-id = ["revoke_api_key", "get_api_key", "list_api_keys", "rotate_api_key"]',
        "checks.use_after_free.enabled = false",
        # A batch tells of each row that is not valid, instead of refusing them all.
        "[[operations]]",
        'include-operation-id = ["write_invoice_batch", "write_payment_batch"]',
        "checks.negative_data_rejection.enabled = false",
        # `/invoices/batch` is also an `/invoices/{invoice_id}`: another method asks for an invoice with a bad id.
        "[[operations]]",
        f"include-path = {json.dumps(ambiguous())}",
        "checks.unsupported_method.enabled = false",
        "[dictionaries]",
        *(f"{name} = {{ values = {json.dumps([value])} }}" for name, value in known.items()),
        "[parameters]",
        *(f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in known),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 150)
async def test_every_answer_is_as_documented(served: Served, api: Api, tmp_path: Path) -> None:
    known = await seed(api)
    config, answers = tmp_path / "schemathesis.toml", tmp_path / "answers"
    config.write_text(settings(known), encoding="utf-8")
    own_key = next(key["id"] for key in await api.all("/api-keys") if api.key.startswith(key["prefix"]))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(config), "run", f"{served.url}/openapi.json",
        "--header", f"Authorization: Bearer {api.key}", "--no-color", "--warnings", "off",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_ANSWERS": str(answers),
            "SCHEMATHESIS_OWN_KEY": own_key,
        },
    )  # fmt: skip
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed

    told = Counter(tuple(line.split()) for line in answers.read_text(encoding="utf-8").splitlines())
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    succeeded = {operation_id for operation_id, status in told if status.startswith("2")}
    assert not [answer for answer in told if answer[1].startswith("5")]
    assert {operation_id for operation_id, _ in told} >= operations
    missed = operations - succeeded
    assert len(succeeded & operations) >= SHARE_OF_OPERATIONS * len(operations), f"no 2xx from {sorted(missed)}"


# What depends on the rows that are there, and on what the examples before have done to them.
OF_THE_STATE = {
    "unknown_reference", "out_of_range", "allocation_exceeds_credit", "allocation_exceeds_open",
    "allocation_exceeds_payment", "date_order", "state_conflict",
}  # fmt: skip


async def test_the_examples_are_taken(api: Api) -> None:
    known = await seed(api)
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    refused = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                body = operation["requestBody"]["content"]["application/json"]["example"]
                answer = await api.call(method, path.removeprefix("/v1").format(**known), json=body)
                # The state may forbid a command; what it says must not. A Message-ID or a link cannot be foretold.
                allowed = {409, 404} if operation["operationId"] in {"take_bounce", "accept_plan_link"} else {409}
                faults = {fault["code"] for fault in answer.json().get("errors", ())} or {"none"}
                if answer.status_code >= 300 and answer.status_code not in allowed and not faults <= OF_THE_STATE:
                    refused.append(f"{operation['operationId']}: {answer.text}")
    assert not refused, "\n".join(refused)


async def test_an_advance_is_replayed(api: Api) -> None:
    headers = {"Idempotency-Key": "one advance"}
    await api.customer()
    first = await api.call("POST", "/test-clock/advance", json={"to": "2026-03-05T00:00:00Z"}, headers=headers)
    again = await api.call("POST", "/test-clock/advance", json={"to": "2026-03-05T00:00:00Z"}, headers=headers)
    other = await api.call("POST", "/test-clock/advance", json={"to": "2026-03-06T00:00:00Z"}, headers=headers)
    assert first.json()["events"] == 1
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await api.get("/test-clock"))["now"] == "2026-03-05T00:00:00Z"
