"""Where the process of a data folder listens, and the token that opens it: a file only its owner may read."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.processes import ROOT, lives
from core.design.files import beside

FILE = "inference.json"
LOCK = "inference.lock"
LOG = "inference.log"
HOST = "127.0.0.1"
#: The HTTP header that carries the token.
TOKEN = "X-Studio-Token"
#: Folders whose modules decide what an answer is.
CODE = ("core", "app/inference")
#: Of one question.
MOST_BYTES = 2**25


@dataclass(frozen=True)
class Address:
    """A process that answers on `port` of this machine, with the code that was there when it started."""

    pid: int
    started: float
    port: int
    token: str
    code: str = ""

    @property
    def lives(self) -> bool:
        """Whether the process is still there."""
        return lives(self.pid, self.started)


def fingerprint() -> str:
    """What the studio's code is now: another after an upgrade or an edit. Names, sizes and times of its
    modules, so a few milliseconds."""
    seen = hashlib.blake2b(digest_size=16)
    for top in CODE:
        for folder, below, names in os.walk(ROOT / top):
            below.sort()
            for name in sorted(names):
                if name.endswith(".py"):
                    found = Path(folder, name).stat()
                    seen.update(f"{folder}/{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return seen.hexdigest()


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
