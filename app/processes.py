"""Processes of this machine: start one that outlives us, and tell whether one still lives."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
# One thread: OpenMP threads that wait for each other spin, and cost several times what they give.
SETTINGS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CC",  # which compiler makes the experts' program, and where that is kept
    "XDG_CACHE_HOME",
    "PYTHONPATH",
    "PYTHONWARNINGS",
)
#: Clocks are read at different moments; no two processes of one id start this close.
START_TOLERANCE = 2.0


def spawn(arguments: Sequence[str], data: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start `python ARGUMENTS` in a session of its own; it writes to `log` and ends by itself."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=kept | SETTINGS | {"MOE_STUDIO_DATA": str(data)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            close_fds=True,
        )


def started_at(pid: int) -> float:
    """When a process started, in seconds since 1970; with the id it names the process for good."""
    return float(psutil.Process(pid).create_time())


def kill(pid: int | None, started: float | None) -> None:
    """End the process with this id that started then, at once; one that is gone or another is left alone."""
    if not lives(pid, started):
        return
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        # Never the bare id: psutil looks once more that it still names the same process.
        process = psutil.Process(pid)
        if started is not None and abs(process.create_time() - started) < START_TOLERANCE:
            process.kill()


def lives(pid: int | None, started: float | None) -> bool:
    """Whether the process with this id that started then is still at work."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < START_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
