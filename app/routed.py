"""The trace of a run, read once, and what follows from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.record import layer_names
from core.analysis.summary import summary
from core.trace.newest import newest_trace
from core.trace.record import Trace, read
from storage import files
from storage.database import Database


@dataclass(frozen=True)
class Routed:
    """A trace with the figures of each layer that selects experts, and short names of those layers."""

    trace: Trace
    path: Path
    layers: tuple[dict[str, Any], ...]
    names: dict[str, str]

    @property
    def soft(self) -> int:
        """How many layers mix all tokens into all experts."""
        return sum(layer.soft for layer in self.trace.layers)


def read_trace(db: Database, run_id: str) -> Routed | None:
    """The newest trace of a run; None while it has none. Raises TraceError for a file that cannot be read."""
    path = newest_trace(files.folder(db.root, "runs", run_id))
    return _read(str(path), path.stat().st_mtime_ns) if path else None


@st.cache_resource(max_entries=4, show_spinner="Reading the trace")
def _read(path: str, changed: int) -> Routed:
    trace = read(Path(path))
    layers = tuple(figures for figures in summary(trace) if figures["load"] is not None)
    return Routed(trace, Path(path), layers, layer_names([figures["path"] for figures in layers]))
