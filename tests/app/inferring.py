"""What tests of the inference process share: tiny trained runs, and a server in a thread of this process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.inference import address
from app.inference.server import Server
from core.data.store import save
from core.design.spec import Design
from storage import files, runs
from storage.database import Database
from storage.drafts import Document
from tests.core.train.tiny import Run, text_data, tiny_design, tiny_plan

TEXT = "a1e2i3o4u5" * 3
PATIENCE = 60.0


def trained(db: Database, name: str, design: Design | None = None, **planned: object) -> str:
    """A tiny run that has trained four steps."""
    design, plan = design or tiny_design(), tiny_plan(steps=4, **planned)
    data = save(text_data(), db.root).name
    document = Document(name, design.model_dump_json(), design.sha)
    run = runs.create(db, document, plan, data, name)
    runs.stop(db, run.id)
    Run(files.folder(db.root, "runs", run.id), plan, design).train()
    return run.id


@contextmanager
def serving(root: Path, memory: int = 2**30, idle: float = 60.0) -> Iterator[Server]:
    """A server in a thread of this process."""
    server = Server(root, memory, idle)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    wait(lambda: address.read(root) == server.address)
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(PATIENCE)


def wait(until: Callable[[], bool]) -> None:
    """Until it holds."""
    end = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)
