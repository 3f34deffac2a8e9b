"""Answers questions over HTTP on this machine's own address, to who knows the token. Loads torch.

POST /ask {"run", "question", "payload", "step"} -> 200 an answer as `core.probe.wire` packs it, 422 or 500
the error in words. GET /status -> JSON. Anything without the token gets 403 and nothing else.
"""

import fcntl
import hmac
import json
import os
import secrets
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import torch

from app.inference import address
from app.inference.address import HOST, MOST_BYTES, TOKEN, Address
from app.inference.shelf import Shelf
from app.processes import started_at
from core.probe.errors import ProbeError
from core.probe.wire import pack
from storage import database
from storage.errors import StorageError

IDLE_SECONDS = 600.0
WATCH_SECONDS = 0.5


class Server(ThreadingHTTPServer):
    """The listening process of one data folder."""

    daemon_threads = True

    def __init__(self, root: Path, memory: int, idle: float) -> None:
        super().__init__((HOST, 0), Handler)
        self.shelf = Shelf(database.open(root), memory)
        self.root, self.idle = root, idle
        self.address = Address(
            os.getpid(),
            started_at(os.getpid()),
            self.server_address[1],
            secrets.token_hex(32),
            address.fingerprint(),
        )
        self._counting = threading.Lock()
        self._busy, self._last = 0, time.monotonic()
        self._closing = threading.Event()

    def serve(self) -> None:
        """Answer until nobody has asked for a while, or another process or nobody owns the folder."""
        address.write(self.root, self.address)
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self._closing.set()
            address.remove(self.root, self.address)
            self.server_close()

    def answer(self, wanted: dict[str, Any]) -> bytes:
        """The packed answer to a request. Raises ProbeError and StorageError."""
        run_id, question = str(wanted.get("run")), str(wanted.get("question"))
        return pack(self.shelf.answer(run_id, question, wanted.get("payload") or {}, wanted.get("step")))

    def status(self) -> dict[str, Any]:
        """What is loaded, and how much may be."""
        return {
            "pid": os.getpid(),
            "busy": self._busy,
            "memory": self.shelf.memory,
            "runs": self.shelf.loaded(),
        }

    def working(self, change: int) -> None:
        """Count a question in or out."""
        with self._counting:
            self._busy += change
            self._last = time.monotonic()

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_SECONDS):
            with self._counting:
                idle = not self._busy and time.monotonic() - self._last > self.idle
            if idle or address.read(self.root) != self.address:
                # From here nobody finds this process; who did already is answered.
                address.remove(self.root, self.address)
                self.shutdown()
                return


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = 30.0

    def do_POST(self) -> None:
        """A question."""
        self._served(self._ask)

    def do_GET(self) -> None:
        """The status."""
        self._served(lambda: self._reply(200, json.dumps(self.server.status()).encode()))

    def _served(self, act: Callable[[], None]) -> None:
        told = self.headers.get(TOKEN, "").encode("utf-8", "replace")
        if not hmac.compare_digest(told, self.server.address.token.encode()):
            self._reply(403, b"")
            return
        self.server.working(1)
        try:
            act()
        except (ConnectionError, TimeoutError):
            # The page was closed, or asks something else by now.
            self.close_connection = True
        finally:
            self.server.working(-1)

    def _ask(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 < length <= MOST_BYTES:
                raise ProbeError(f"A question takes 1 to {MOST_BYTES:,} bytes. To fix this, ask about less.")
            status, content = 200, self.server.answer(json.loads(self.rfile.read(length)))
        except (ProbeError, StorageError) as error:
            status, content = 422, str(error).encode()
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            traceback.print_exc()
            status, content = 500, in_words(error).encode()
        self._reply(status, content)

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def in_words(error: Exception) -> str:
    """What the user reads when something broke that we did not foresee; the trace is in the log."""
    if isinstance(error, MemoryError) or "not enough memory" in str(error):
        return "The answer needs more memory than this machine has. To fix this, ask about less text."
    return (
        f"The question was stopped by a defect in the studio ({type(error).__name__}), not by your run. The"
        f" details are in {address.LOG} of the data folder. To go on, ask something else."
    )


def share_of_memory() -> int:
    """Bytes that loaded weights may take: a quarter of the machine's memory."""
    return int(psutil.virtual_memory().total) // 4


def serve(root: Path, memory: int | None = None, idle: float = IDLE_SECONDS) -> bool:
    """Serve a data folder until idle; False where another process does already."""
    root.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    # Who can open the file can hold the lock, and would keep us from starting.
    with os.fdopen(os.open(root / address.LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        os.fchmod(lock.fileno(), 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        Server(root, share_of_memory() if memory is None else memory, idle).serve()
    return True
