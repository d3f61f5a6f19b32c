"""The arq functions: one a kind of work, without arguments, each one line that wakes the runner.

The work itself is not done inside arq's job: arq cancels a job at its time limit and when its connection breaks, and a
send that is cancelled leaves a reminder whose outcome nobody knows.
"""

from typing import Any

from arq.worker import Function, func

from app.core.work import Kind
from app.jobs.runner import Runner


def _job(kind: Kind) -> Function:
    async def run(ctx: dict[str, Any]) -> None:
        runner: Runner = ctx["runner"]
        runner.wake(kind)

    # A ring that fails is not tried again: the poll finds the work anyway.
    return func(run, name=str(kind), keep_result=0, max_tries=1, timeout=10)


FUNCTIONS = [_job(kind) for kind in Kind]
