"""Hooks of the schemathesis run: what it must not do, and a note of every answer."""

import os
from pathlib import Path
from typing import Any

import schemathesis

ANSWERS = Path(os.environ["SCHEMATHESIS_ANSWERS"])
OWN_KEY = os.environ["SCHEMATHESIS_OWN_KEY"]
FILES = ("text/csv", "application/x-ndjson")


@schemathesis.serializer(*FILES)
def file_serializer(context: Any, value: Any) -> Any:
    """Files go as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", errors="replace")


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what would end the run, or cannot be sent.

    Taking away its own key, and simulating centuries; and a file that is "no string": any bytes are one.
    """
    if case.media_type in FILES and not isinstance(case.body, str | bytes):
        return False
    if isinstance(case.path_parameters, dict) and case.path_parameters.get("key_id") == OWN_KEY:
        return False
    to = case.body.get("to") if case.path.endswith("/advance") and isinstance(case.body, dict) else None
    return not isinstance(to, str) or not to[:4].isdigit() or to[:4] <= "2027"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note which operation answered with which status."""
    operation_id = case.operation.definition.raw.get("operationId", case.operation.label)
    with ANSWERS.open("a", encoding="utf-8") as notes:
        notes.write(f"{operation_id} {response.status_code}\n")
