"""Loaded runs, the least recently used of them dropped when memory runs short. Loads torch."""

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from core.data.load import load as load_data
from core.design.files import MODEL
from core.probe.errors import ProbeError
from core.probe.subject import Subject, ask, load
from storage import files, runs
from storage.database import Database
from storage.errors import NotFoundError

GIB = 2**30


@dataclass
class Place:
    """A run that is or will be loaded. Who asks it holds `lock`: overrides change the model for a moment."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    subject: Subject | None = None
    size: int = 0


class Shelf:
    """At most `memory` bytes of weights. Safe for several threads."""

    def __init__(self, db: Database, memory: int) -> None:
        self.db, self.memory = db, memory
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, run_id: str, question: str, payload: dict[str, Any], step: int | None = None) -> Any:
        """What a checkpoint answers, one of `core.probe.answers`. Raises ProbeError and StorageError."""
        place = self.place(run_id)
        with place.lock:
            found = ask(self.subject(run_id, place, step), question, payload)
        if run_id not in runs.ids(self.db):
            # A trace makes its folders anew, and nobody would remove them any more.
            self.forget(run_id)
            files.remove(self.db.root, "runs", run_id)
            raise ProbeError(
                f"The run {run_id} was deleted while it was asked. To fix this, choose another run."
            )
        return found

    def place(self, run_id: str) -> Place:
        """The place of a run, now the most recently used. Raises NotFoundError for a run that is gone."""
        try:
            runs.get(self.db, run_id)
        except NotFoundError:
            self.forget(run_id)
            raise
        with self._lock:
            found = self._places.setdefault(run_id, Place())
            self._places.move_to_end(run_id)
            return found

    def subject(self, run_id: str, place: Place, step: int | None = None) -> Subject:
        """The run's model of `step`, or of its newest checkpoint, loaded where it is not; the caller holds
        the place's lock.

        Raises ProbeError: no checkpoint, or one larger than all the memory there is.
        """
        run = runs.get(self.db, run_id)
        folder = files.folder(self.db.root, "runs", run_id)
        wanted = files.newest_checkpoint(folder) if step is None else step
        kept = place.subject
        if kept is not None and kept.step == wanted:
            return kept
        self.forget(run_id)
        self._make_room(run_id, _size(folder, wanted))
        subject = load(folder, partial(load_data, run.data, self.db.root, paths=False), wanted)
        with self._lock:
            place.subject, place.size = subject, subject.size
        return subject

    def forget(self, run_id: str) -> None:
        """Let go of a run's weights. Who is being answered about it keeps them until then."""
        with self._lock:
            self._drop(self._places.get(run_id, Place()))

    def loaded(self) -> dict[str, int]:
        """Bytes of the runs that are loaded, the least recently used first."""
        with self._lock:
            return {run_id: place.size for run_id, place in self._places.items() if place.subject}

    def _make_room(self, run_id: str, size: int) -> None:
        if size > self.memory:
            raise ProbeError(
                f"The weights of {run_id} take {size / GIB:.2f} GiB, and the process that answers questions"
                f" may hold {self.memory / GIB:.2f} GiB. To fix this, ask a smaller run, or use a machine"
                " with more memory."
            )
        with self._lock:
            taken = size + sum(place.size for place in self._places.values())
            for place in self._places.values():
                if taken <= self.memory:
                    break
                taken -= place.size
                self._drop(place)

    def _drop(self, place: Place) -> None:
        place.subject, place.size = None, 0


def _size(folder: Path, step: int | None) -> int:
    """Bytes of the weights of a checkpoint; 0 where there is none, which loading it will say."""
    with suppress(OSError):
        return (folder / "checkpoints" / str(step) / MODEL).stat().st_size
    return 0
