"""Plays the sample portfolio through a Puntual of its own, and says what it came to: `make demo`.

Nothing that exists is touched: the engines, the API, the worker and the webhook receiver are started for this program
alone, in a temporary folder and on free ports, and are gone when it ends.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.embedded import AlreadyRunning, EmbeddedError
from examples.account import Heard, show, take_stock
from examples.erp_receiver import Inbox, Receiver, parse_secrets
from examples.play import ZONE, Api, Played, play, post_customers, posting_instant, prepare
from examples.portfolio import CUSTOMERS, DAYS, INVOICES, SEED, Portfolio, make
from examples.service import Failed, Interrupts, Service, Stopped, free_port

_LAST_WEBHOOKS_SECONDS = 20.0


def run(portfolio: Portfolio, folder: Path, console: Console, *, port: int = 0, receiver_port: int = 0) -> Any:
    """Start everything, play, take stock, and stop everything.

    Args:
        portfolio: what to play.
        folder: an empty folder.
        console: where progress is shown.
        port: where the API listens; a free port for 0.
        receiver_port: where the webhook receiver listens; a free port for 0.

    Raises:
        Failed: something does not start or does not go on.
        Stopped: somebody asked for it.
    """
    heard = Heard()
    with Interrupts() as interrupts, _receiving(receiver_port, heard) as receiver:
        service = Service(folder, interrupts, port=port)
        try:
            with console.status("Starting PostgreSQL, Valkey, API and worker…"):
                service.start()
                clock = posting_instant(portfolio.starts_on).isoformat()
                key = service.create_tenant("--test", "--clock", clock, "--time-zone", str(ZONE))["api_key"]
            console.print(f"Running on {service.url} for as long as this takes.", highlight=False)

            def between() -> None:
                interrupts.check()
                service.check()

            with contextlib.closing(Api(service.url, key, between)) as api:
                receiver.inbox.keys = parse_secrets(prepare(api, receiver.url))
                played = _play(api, portfolio, console)
                _wait_for_webhooks(api, receiver.inbox)
                return take_stock(api, portfolio, played, receiver.inbox, heard)
        except (httpx.HTTPError, ValueError) as error:
            raise Failed(str(error)) from error
        finally:
            service.stop()


@contextlib.contextmanager
def _receiving(port: int, heard: Heard) -> Iterator[Receiver]:
    receiver = Receiver(free_port(port), Inbox([], heard.take))
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def _play(api: Api, portfolio: Portfolio, console: Console) -> Played:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} days"),
        TextColumn("{task.fields[sent]} reminders"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(str(portfolio.starts_on), total=portfolio.days, sent=0)
        sent = 0

        def tell(day: date, reminders: int) -> None:
            nonlocal sent
            sent += reminders
            progress.update(task, advance=1, description=str(day), sent=sent)

        post_customers(api, portfolio)
        return play(api, portfolio, tell)


def _wait_for_webhooks(api: Api, inbox: Inbox) -> None:
    """The last ones are on their way for a moment."""
    expected = sum(1 for _ in api.feed())
    deadline = time.monotonic() + _LAST_WEBHOOKS_SECONDS
    while inbox.verified < expected and time.monotonic() < deadline:
        time.sleep(0.1)
        expected = sum(1 for _ in api.feed())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description="Plays a sample portfolio and prints the account.")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--invoices", type=int, default=INVOICES)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--port", type=int, default=0, help="where the API listens (a free port)")
    parser.add_argument("--receiver-port", type=int, default=0, help="where the webhook receiver listens (a free port)")
    parser.add_argument("--json", action="store_true", help="print the account as JSON, progress on standard error")
    return parser.parse_args()


def main() -> int:
    """Read the command line, play, and print the account."""
    options = _options()
    console = Console(stderr=options.json)
    try:
        portfolio = make(seed=options.seed, customers=options.customers, invoices=options.invoices, days=options.days)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="puntual-demo-") as place:
            account = run(
                portfolio, Path(place) / "data", console, port=options.port, receiver_port=options.receiver_port
            )
    except Stopped:
        console.print("Stopped; nothing is left running.")
        return 130
    except (Failed, AlreadyRunning, EmbeddedError, ValueError) as problem:
        Console(stderr=True).print(str(problem), style="bold red", markup=False, highlight=False, soft_wrap=True)
        return 1
    if options.json:
        print(json.dumps(account, ensure_ascii=False, indent=1))
    else:
        show(console, account)
        console.print(f"\nDone in {time.monotonic() - started:.0f} s; everything is stopped.", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
