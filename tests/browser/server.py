"""A studio server of our own: free port, own data folder, ended by its own process id."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running studio: its address, its data folder, its process, its log."""

    url: str
    data: Path
    process: "subprocess.Popen[bytes]"
    log: Path


@contextlib.contextmanager
def serve(data: Path, script: Path = Path("app/main.py"), port: int = 0) -> Iterator[Server]:
    """Run a studio that keeps everything under `data`, or another page by itself, until the block ends.

    Zero stands for any free port.
    """
    data.mkdir(parents=True, exist_ok=True)
    port, log = port or free_port(), data.parent / f"{data.name}-server.log"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += ["--server.address=127.0.0.1", f"--server.port={port}"]
    environment = os.environ | {"MOE_STUDIO_DATA": str(data)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = Server(f"http://127.0.0.1:{port}", data, process, log)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def free_port() -> int:
    """A port on this machine that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(
        f"The studio did not start within {START_SECONDS} s. Its log:\n{server.log.read_text()}"
    )
