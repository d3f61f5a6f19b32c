"""A short demonstration, from nothing to the account, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from examples.play import STEPS
from examples.portfolio import make
from tests.conftest import ROOT

SHORT = ["--customers", "12", "--invoices", "40", "--days", "30"]
# A start in a place of its own, so that what is left of it can be found; nothing of it may reach the demonstration.
ELSEWHERE = {"DATABASE_URL": "postgresql://elsewhere/puntual", "PUNTUAL_SMTP_HOST": "mail.elsewhere"}


def start(place: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo", *SHORT, *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(place), "PYTHONIOENCODING": "utf-8", **ELSEWHERE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def left_of(place: Path) -> list[str]:
    """Files and processes that outlived the demonstration."""
    found = [str(path) for path in place.iterdir()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes()
        except OSError:
            continue
        if os.fsencode(place) in words:
            found.append(words.decode(errors="replace"))
    return found


@pytest.mark.slow
def test_the_account_is_right(tmp_path: Path) -> None:
    demo = start(tmp_path, "--json")
    told, complaints = demo.communicate(timeout=240)
    assert demo.returncode == 0, complaints
    assert left_of(tmp_path) == []
    account: dict[str, Any] = json.loads(told)
    portfolio = make(customers=12, invoices=40, days=30)

    assert account["customers"] == 12
    assert account["invoices"]["count"] == 40
    assert account["payments"] == {"count": len(portfolio.payments), "bounced": 1}
    assert set(account["money"]) == {"MXN", "EUR", "COP"}
    for row in account["money"].values():
        assert row["open"] == row["open_by_erp"]
    after = {total["currency"]: total["open_amount"] for total in account["aging"]["after"]["totals"]}
    assert after == {currency: row["open"] for currency, row in account["money"].items()}
    assert account["aging"]["before"]["as_of"] == "2026-01-05"

    reminders, webhooks = account["reminders"], account["webhooks"]
    assert reminders["for_settled_invoices"] == 0
    assert reminders["waiting"] == 0
    assert sum(row["messages"].get("email", 0) for row in reminders["by_step"].values()) == reminders["sent"] > 20
    assert list(reminders["by_step"]) == [step["key"] for step in STEPS]
    assert webhooks["received"] == webhooks["verified"] == webhooks["events_in_feed"]
    assert (webhooks["refused"], webhooks["duplicates"], webhooks["gaps"]) == (0, 0, 0)
    assert webhooks["by_type"]["reminder.sent"] == reminders["sent"]
    assert webhooks["by_type"]["invoice.created"] == 40
    assert webhooks["by_type"]["payment.reversed"] == webhooks["by_type"]["invoice.reopened"] == 1
    assert [message["language"] for message in account["messages"]] == ["es-MX", "es-ES"]


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stdout is not None
    # Until everything runs.
    while "Running on" not in (said := demo.stdout.readline()):
        assert said, demo.communicate()
    time.sleep(0.5)
    demo.send_signal(signal.SIGINT)
    told, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 130, complaints
    assert "nothing is left running" in told
    assert left_of(tmp_path) == []
