"""What the panels share: a card headed by what was found, chance and trap below it; kept analyses."""

from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from app.errors import UserError
from app.record import renamed
from app.routed import Routed
from app.views._routing.asked import asked
from app.views._routing.shown import Shown
from components import page
from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading
from core.probe.answers import Experts

Found = TypeVar("Found")


def head(reading: Reading, what: str, name: str, frame: Callable[[], pd.DataFrame], key: str) -> None:
    """The finding's first sentence, below it the others, what is drawn, chance and the trap; beside it the
    table of `name`."""
    finding, _, more = reading.shows.partition(". ")
    note = " ".join(part for part in (more, what, reading.chance, reading.trap) if part)
    page.card_head(finding.rstrip("."), note, name, frame, key)


def kept(routed: Routed, of: str, analyse: Callable[..., Found], *arguments: Any) -> Found | None:
    """What an analysis of the trace finds, kept while trace and arguments stay; None once its words are said.

    `of` and `arguments` tell one question from another.
    """
    try:
        return _kept(f"{routed.path}:{routed.path.stat().st_mtime_ns}", of, arguments, analyse)
    except AnalysisError as error:
        page.problems([("warning", renamed(str(error), list(routed.names)), "")])
        return None


def experts(shown: Shown, path: str) -> Experts | None:
    """Weights, outputs and router rows of a layer, asked of the run; None once its words are said."""
    try:
        return asked(shown.db, shown.run.id, "experts", "Reading the experts of the layer", path=path)
    except UserError as error:
        page.problems([("error", str(error), "")])
        return None


@st.cache_resource(max_entries=96, show_spinner="Counting")
def _kept(file: str, of: str, arguments: tuple[Any, ...], _analyse: Callable[..., Any]) -> Any:
    return _analyse(*arguments)
