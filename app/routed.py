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
    """A trace with the figures of each layer, short names of all, and apart: `layers`, which select experts,
    and `soft`, which mix them."""

    trace: Trace
    path: Path
    layers: tuple[dict[str, Any], ...]
    soft: tuple[dict[str, Any], ...]
    names: dict[str, str]


def read_trace(db: Database, run_id: str) -> Routed | None:
    """The newest trace of a run; None while it has none. Raises TraceError for a file that cannot be read."""
    path = newest_trace(files.folder(db.root, "runs", run_id))
    return _read(str(path), path.stat().st_mtime_ns) if path else None


@st.cache_resource(max_entries=4, show_spinner="Reading the trace")
def _read(path: str, changed: int) -> Routed:
    trace = read(Path(path))
    found = summary(trace)
    layers = tuple(figures for figures in found if figures["load"] is not None)
    soft = tuple(figures for figures in found if figures["share"] is not None)
    return Routed(trace, Path(path), layers, soft, layer_names([figures["path"] for figures in found]))
