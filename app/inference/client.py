"""Asking the inference process, which is started where it does not run. No torch.

answer = ask(db, run_id, "inspect", text="to be or not to be")
answer.value.layers[0].expert_TK
"""

import json
import subprocess
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inference import address
from app.inference.address import HOST, LOG, MOST_BYTES, TOKEN, Address
from app.processes import spawn
from core.probe.answers import KINDS
from core.probe.wire import unpack
from storage import runs
from storage.database import Database

COMMAND = ("-m", "app.inference")
START_SECONDS = 60.0
ANSWER_SECONDS = 600.0
POLL = 0.05
FELL_OVER = "The process that answers had ended, and was started again."
CHANGED = (
    "The studio has changed since the process that answers was started, so it was started again: answers may"
    " differ from those before."
)


class InferenceError(UserError):
    """A question that got no answer: what is wrong, why, and "To fix this, ..."."""


class _StrangerError(Exception):
    """What listens does not know our token, or answers as another version of the studio."""


@dataclass(frozen=True)
class Answer:
    """`value`: one of `core.probe.answers`. seconds: until it was here. restarted: why the process was
    started anew, in words that the page says; empty where it was not, or had ended in order."""

    value: Any
    seconds: float
    restarted: str = ""


def ask(
    db: Database,
    run_id: str,
    question: str,
    *,
    step: int | None = None,
    command: Sequence[str] = COMMAND,
    **payload: Any,
) -> Answer:
    """The answer of a run's newest checkpoint, or that of `step`. Questions to one run wait for each other.

    Raises:
        InferenceError: a question the run cannot answer, or a process that cannot be started or ends twice.
        StorageError: no such run.
    """
    began = time.perf_counter()
    runs.get(db, run_id)
    body = json.dumps({"run": run_id, "question": question, "step": step, "payload": payload}).encode()
    if len(body) > MOST_BYTES:
        raise InferenceError(
            f"The question has {len(body):,} bytes, and one takes at most {MOST_BYTES:,}. To fix this, ask"
            " about less text."
        )
    restarted = ""
    for again in (False, True):
        found, why = _running(db.root, tuple(command))
        restarted = restarted or why
        try:
            value = _asked(found, body)
            return Answer(value, time.perf_counter() - began, restarted)
        except TimeoutError as error:
            raise InferenceError(
                f"There was no answer within {ANSWER_SECONDS / 60:.0f} minutes. To fix this, ask for less."
            ) from error
        except _StrangerError:
            _sent_away(db.root, found)
            if again:
                raise _outdated(found) from None
        except (OSError, HTTPException):
            # An idle process takes its address away before it ends; one that left it there fell over.
            if not restarted and address.read(db.root) == found:
                restarted = FELL_OVER
            _gone(found)
    raise InferenceError(
        "The process that answers questions ended twice over this one. Its last words are in"
        f" {LOG} of the data folder. To fix this, ask about less text, or close what else needs memory."
    )


def status(db: Database) -> dict[str, Any] | None:
    """What the process has loaded; None where none runs."""
    found = address.read(db.root)
    if found is None or not found.lives:
        return None
    try:
        code, content = _request(found, "GET", "/status", b"")
    except (OSError, HTTPException):
        return None
    return dict(json.loads(content)) if code == 200 else None


def _asked(found: Address, body: bytes) -> Any:
    code, content = _request(found, "POST", "/ask", body)
    if code == 200:
        try:
            return unpack(content, KINDS)
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise _StrangerError from error
    if code == 403:
        raise _StrangerError
    raise InferenceError(content.decode(errors="replace"))


def _request(found: Address, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection = HTTPConnection(HOST, found.port, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, path, body, {TOKEN: found.token})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@cache
def _starting(_root: Path) -> threading.Lock:
    """Tabs of one browser share a process; only one of them starts it."""
    return threading.Lock()


def _running(root: Path, command: tuple[str, ...]) -> tuple[Address, str]:
    """The process, started if need be, and what there is to say of an earlier one: that it had ended without
    a word, or was of code that has changed."""
    with _starting(root):
        found = address.read(root)
        if found is None or not found.lives:
            return _start(root, command), FELL_OVER if found else ""
        if found.code == address.fingerprint():
            return found, ""
        _sent_away(root, found)
        return _start(root, command), CHANGED


def _sent_away(root: Path, found: Address) -> None:
    """Have a process end, which it does as soon as nobody can find it. Raises InferenceError if it stays."""
    address.remove(root, found)
    _gone(found)
    if found.lives:
        raise _outdated(found) from None


def _start(root: Path, command: tuple[str, ...]) -> Address:
    try:
        process = spawn(command, root, root / LOG)
    except OSError as error:
        raise _cannot_start(error.strerror or str(error)) from error
    # Whoever waits for a child keeps it from staying a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = address.read(root)
        if found is not None and found.lives:
            return found
        if process.poll():
            raise _cannot_start(f"it ended with status {process.returncode}")
        time.sleep(POLL)
    _end(process)
    raise _cannot_start(f"it said nothing for {START_SECONDS:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()


def _gone(found: Address) -> None:
    """Wait a moment for a process that dropped its line to end, so that it is not taken for alive."""
    end = time.monotonic() + 2.0
    while found.lives and time.monotonic() < end:
        time.sleep(POLL)


def _outdated(found: Address) -> InferenceError:
    if found.lives:
        return InferenceError(
            "The process that answers questions is of another version of the studio and does not end. To fix"
            f" this, end it (process {found.pid}) and ask again."
        )
    return InferenceError(
        "The process that answers questions is of another version of the studio than this page. To fix this,"
        " start the studio anew."
    )


def _cannot_start(reason: str) -> InferenceError:
    return InferenceError(
        f"The process that answers questions could not start: {reason}. Its output is in {LOG} of the data"
        " folder. To fix this, mend what it names and ask again."
    )
