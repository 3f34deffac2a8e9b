"""Every export target, without loading torch. A new one is a module or package here and a line in TARGETS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from core.export.errors import ExportError

#: Share done in [0, 1], and what is being done.
Progress = Callable[[float, str], None]


class Examples(Protocol):
    """Held-out examples, such as a core.data Batch: inputs [B, ...] and task_id [B] or None."""

    @property
    def inputs(self) -> npt.NDArray[Any]: ...
    @property
    def task_id(self) -> npt.NDArray[Any] | None: ...


@dataclass(frozen=True)
class Subject:
    """What is exported: a core.model Model and the share of its training that is done, where schedules stand.

    examples: batches to compare on. about: facts to keep with the file, such as the step.
    """

    model: Any
    trained: float
    examples: Sequence[Examples]
    about: Mapping[str, str]


class Report(Protocol):
    """What an export tells."""

    @property
    def passed(self) -> bool:
        """Whether the file does what the model does; without that nothing is written."""

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""

    def lines(self) -> list[str]:
        """All figures as text."""


class Exporter(Protocol):
    """The function `export` of a target's module."""

    def __call__(self, subject: Subject, path: Path, routing: bool, progress: Progress) -> Report:
        """Write to `path`. Raises ExportError."""


@dataclass(frozen=True)
class Target:
    """One way to take a model away. `module` has `export`, an Exporter; None while it is not built."""

    name: str
    title: str
    filename: str
    module: str | None

    def exporter(self) -> Exporter:
        """Load what exports; only for a target that `find` gave."""
        assert self.module is not None
        exporter: Exporter = import_module(self.module).export
        return exporter


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("onnx", "ONNX", "model.onnx", "core.export.onnx.target"),
        Target("huggingface", "a Hugging Face folder", "huggingface", None),
        Target("pytorch", "PyTorch source", "model.py", None),
        Target("hls", "an HLS bundle", "hls", None),
        Target("report", "a report", "report.html", None),
    )
}


def find(name: str) -> Target:
    """The target of a name. Raises ExportError for one that is unknown or not built yet."""
    target = TARGETS.get(name)
    if target is None:
        near = get_close_matches(name, TARGETS, n=1)
        raise ExportError(
            f"There is no export target {name[:40]!r}. "
            f"To fix this, choose {near[0] if near else 'one of ' + ', '.join(TARGETS)}."
        )
    if target.module is None:
        built = ", ".join(each.name for each in TARGETS.values() if each.module)
        raise ExportError(f"Export to {target.title} is not built yet. To fix this, choose {built}.")
    return target
