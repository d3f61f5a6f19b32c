"""The arq functions: one a kind of work, without arguments, each one line into the runner."""

from typing import Any

from arq.worker import Function, func

from app.core.work import Kind
from app.jobs.runner import Runner


def _job(kind: Kind) -> Function:
    async def run(ctx: dict[str, Any]) -> int:
        runner: Runner = ctx["runner"]
        return await runner.run(kind)

    # A ring that fails is not tried again: the poll finds the work anyway.
    return func(run, name=str(kind), keep_result=0, max_tries=1, timeout=300)


FUNCTIONS = [_job(kind) for kind in Kind]
