"""Lists as CSV for `Accept: text/csv`: one page, its fields side by side, safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from app.core.forms import leaves
from app.core.responses import json_response, problems
from app.core.schemas import MONEY_PATTERN

MEDIA_TYPE: Final = "text/csv"
# What spreadsheets take for the beginning of a formula; the wide forms are read alike in East Asian locales.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MONEY: Final = re.compile(MONEY_PATTERN)

CSV_LIST: Final[dict[int | str, dict[str, Any]]] = {
    **problems(422),
    200: {
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "string",
                    "description": "With `Accept: text/csv`: the page as a table with a header. Nested fields have "
                    "dotted names; lists and maps are JSON text. A text that a spreadsheet would take for a formula "
                    "begins with an apostrophe.",
                },
            }
        },
        "headers": {
            "Link": {
                "description": 'CSV only: the next page, `</v1/…?cursor=…>; rel="next"`; absent on the last one.',
                "schema": {"type": "string"},
            },
            "X-Next-Cursor": {
                "description": "CSV only: send it as `cursor` for the next page; absent on the last one.",
                "schema": {"type": "string"},
            },
        },
    },
}


def page_response(request: Request, page: Mapping[str, Any], model: type[BaseModel]) -> Response:
    """A page as the request wants it: JSON, or CSV with the cursor in its headers.

    Args:
        request: says which, and what the next page's address is.
        page: `data` and `next_cursor`.
        model: the form of one row, which names the columns.
    """
    if not wants_csv(request.headers.get("accept", "")):
        return json_response(page)
    headers = {"Vary": "Accept"}
    cursor = page["next_cursor"]
    if cursor is not None:
        address = request.url.include_query_params(cursor=cursor)
        headers |= {"Link": f'<{address.path}?{address.query}>; rel="next"', "X-Next-Cursor": cursor}
    return Response(
        csv_text(page["data"], model), media_type=f"{MEDIA_TYPE}; charset=utf-8; header=present", headers=headers
    )


def wants_csv(accept: str) -> bool:
    """Whether an Accept header names CSV, and does not like JSON better."""
    quality: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        given = [value for name, _, value in (item.partition("=") for item in parameters) if name.strip() == "q"]
        try:
            quality[kind] = float(given[0]) if given else 1.0
        except ValueError:
            quality[kind] = 0.0
    return quality.get(MEDIA_TYPE, 0.0) > 0.0 and quality[MEDIA_TYPE] >= quality.get("application/json", 0.0)


def csv_text(rows: list[Mapping[str, Any]], model: type[BaseModel]) -> str:
    """Rows as CSV with a header; the columns are the model's, whatever the rows hold."""
    columns = leaves(model, mode="serialization")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([cell(_value(row, column.path)) for column in columns])
    return text.getvalue()


def cell(value: Any) -> str:
    """One value as the text of a cell that no spreadsheet will run."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    # Negative amounts begin as formulas do, and are none.
    return f"'{text}" if text.startswith(_FORMULA) and not _MONEY.fullmatch(text) else text


def _value(row: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
