"""Policies to begin a test with."""

from typing import Any


def step(day: int, **fields: Any) -> dict[str, Any]:
    """An e-mail step."""
    return {
        "key": f"d{day:+d}",
        "offset_days": day,
        "channels": ["email"],
        "template": "first_notice",
        **fields,
    }


def policy(**fields: Any) -> dict[str, Any]:
    """A policy of three steps."""
    return {"name": "Cobranza", "steps": [step(5), step(20), step(40)], **fields}
