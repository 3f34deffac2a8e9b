"""Where the process of a data folder listens, and the token that opens it: a file only its owner may read."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.processes import lives
from core.design.files import beside

FILE = "inference.json"
LOCK = "inference.lock"
LOG = "inference.log"
HOST = "127.0.0.1"
#: The HTTP header that carries the token.
TOKEN = "X-Studio-Token"
#: Of one question.
MOST_BYTES = 2**25


@dataclass(frozen=True)
class Address:
    """A process that answers on `port` of this machine."""

    pid: int
    started: float
    port: int
    token: str

    @property
    def lives(self) -> bool:
        """Whether the process is still there."""
        return lives(self.pid, self.started)


def read(root: Path) -> Address | None:
    """What the newest process wrote, whether or not it still lives; None where none did."""
    try:
        return Address(**json.loads((root / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write(root: Path, address: Address) -> None:
    """Say where this process listens. The file is never readable for others, not even for a moment."""
    path = beside(root / FILE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(address), file)
        path.replace(root / FILE)
    finally:
        path.unlink(missing_ok=True)


def remove(root: Path, address: Address) -> None:
    """Take the file away, unless another process has written its own."""
    if read(root) == address:
        (root / FILE).unlink(missing_ok=True)
