"""Measures throughput, latency and footprint on this machine: `python -m tests.benchmarks [NAME …]`.

Every ratio is measured in one run, subject and baseline in alternating rounds, so that a busy machine slows both.
"""

import argparse
import asyncio
import os
import platform
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from app.core.clock import monotonic_seconds, system_now
from tests.benchmarks import aging, api, batch, footprint, imports, reminders, tick, webhooks
from tests.benchmarks.figures import Report
from tests.benchmarks.stage import BenchmarkError, Stage

BENCHMARKS: dict[str, Callable[[Stage], Awaitable[Report]]] = {
    "api": api.run,
    "batch": batch.run,
    "imports": imports.run,
    "reminders": reminders.run,
    "webhooks": webhooks.run,
    "tick": tick.run,
    "aging": aging.run,
    "footprint": footprint.run,
}


async def measure(names: list[str], *, quick: bool, console: Console) -> dict[str, Any]:
    """Run benchmarks one after the other and print each one's table as it ends."""
    started_at, started = system_now(), monotonic_seconds()
    load_before = os.getloadavg()[0]
    reports = {}
    async with Stage(quick=quick) as stage:
        for name in names:
            begun = monotonic_seconds()
            report = await BENCHMARKS[name](stage)
            report.seconds = monotonic_seconds() - begun
            report.show(console)
            reports[name] = report.as_json()
    return {
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(monotonic_seconds() - started, 1),
        "quick": quick,
        "machine": {
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            # What else was running: above zero before the start, the figures are low and the ratios noisy.
            "load_before": round(load_before, 2),
        },
        "benchmarks": reports,
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter: two minutes instead of ten")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as one JSON object")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(BENCHMARKS)):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    console = Console()
    # Stopped by a scheduler as by a person: with everything cleaned up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = asyncio.run(measure(given.names or list(BENCHMARKS), quick=given.quick, console=console))
    except BenchmarkError as error:
        Console(stderr=True).print(f"{error}", style="bold red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    machine = found["machine"]
    console.print(
        f"{found['seconds']:.0f} s on {machine['cpus']} CPUs, Python {machine['python']}; "
        f"load before: {machine['load_before']}",
        highlight=False,
    )
    if given.json:
        given.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
