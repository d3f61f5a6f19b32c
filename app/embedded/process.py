"""Starting and ending child processes that do not outlive us."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.embedded.privileges import SELF, Identity

_LAUNCH = Path(__file__).with_name("launch.py")
_LARGEST_LOG = 10_000_000


def launched(
    command: Sequence[str],
    *,
    identity: Identity = SELF,
    death_signal: signal.Signals = signal.SIGTERM,
    reach: Sequence[Path] = (),
) -> list[str]:
    """Wrap a command so that it runs under an identity and dies with this process.

    Args:
        command: an absolute program path and its arguments.
        identity: who to become.
        death_signal: what the command gets when this process dies, where the kernel offers it.
        reach: folders that the identity must be able to list, or the command is not run.

    Returns:
        The command line to execute.
    """
    order = {
        "mode": identity.mode,
        "uid": identity.uid,
        "gid": identity.gid,
        "reach": [str(path) for path in reach],
        "parent": os.getpid(),
        "signal": int(death_signal),
    }
    return [sys.executable, "-I", "-S", str(_LAUNCH), json.dumps(order), *command]


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    identity: Identity = SELF,
    death_signal: signal.Signals = signal.SIGTERM,
    reach: Sequence[Path] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C in a terminal reaches us alone.

    Args:
        command: an absolute program path and its arguments.
        log: the file that gets its output appended.
        env: its whole environment.
        cwd: its working directory; ours by default.
        identity: who to become.
        death_signal: what it gets when this process dies.
        reach: folders that the identity must be able to list.

    Returns:
        The running process; its id is that of the command itself.
    """
    line = launched(command, identity=identity, death_signal=death_signal, reach=reach)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  # our own command line, no shell
                line,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    # The kernel's "parent died" means the thread that forked, so it has to be one that lives as long as we do.
    if threading.current_thread() is threading.main_thread():
        return start()
    return _long_lived_thread().submit(start).result()


def end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal and wait its seconds until the process is gone; at last kill it with all its group.

    Args:
        process: a process started by `spawn`.
        steps: signals in order, each with the time it is given.
    """
    for number, patience in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, or nothing if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def rotate(log: Path) -> None:
    """Set a log aside when it has grown large, so that a data folder does not fill the disk."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(log.suffix + ".1"))


@functools.cache
def _long_lived_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="spawn")
