"""The cards below the player: evenness, settling, experts that fell asleep, jumps of the loss."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.counters import Counters
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.curves import curves, frame
from core.analysis.balance import balance
from core.analysis.errors import AnalysisError
from core.analysis.lifetimes import lifetimes
from core.analysis.saturation import Saturation, saturation
from core.analysis.spikes import spikes
from core.cost.format import size
from core.trace.errors import TraceError
from core.trace.newest import small_traces
from core.trace.record import read
from core.trace.shared import shared
from storage import files

HEIGHT = 290


def evenness(found: Counters) -> None:
    """CV of the load of each layer over the steps, against what a fair draw would show."""
    loads = found.loads
    if not loads:
        return
    each = {path: balance(load_FE, found.steps) for path, load_FE in loads.items()}
    most = max(each, key=lambda path: each[path].cv_S[-1])
    series = {
        found.names[path].capitalize(): list(zip(found.steps, one.cv_S.tolist(), strict=True))
        for path, one in each.items()
    }
    chance = float(np.median(each[most].chance_cv_S))
    with page.card():
        card.head(
            each[most].reading,
            f"{found.names[most].capitalize()}, the least even at the end. Lines: coefficient of variation of"
            " the picks of a layer's experts, window by window.",
            "Evenness over training",
            lambda: frame(series),
            "routing.even",
        )
        drawing = curves(
            series, palette.current(), last_step=found.steps[-1], reference=("even by chance", chance)
        )
        page.chart(drawing, each[most].reading.shows, height=HEIGHT, key="routing.even")


class Untold(NamedTuple):
    """Why nothing tells when routing settled."""

    finding: str
    note: str = ""
    problem: str = ""


def agreement(shown: Shown) -> dict[str, Saturation] | Untold:
    """Agreement of the small traces on the way with the last one, by layer, or why there is none."""
    on_the_way = small_traces(files.folder(shown.db.root, "runs", shown.run.id))
    if shown.routed is None or not on_the_way:
        lacks = _no_last(shown) if on_the_way else "none on the way: its plan takes no small traces."
        return Untold(
            "Nothing tells yet when routing settled",
            f"Traces of the same tokens on the way are compared with the last one. This run has {lacks}"
            " To see it, train a run to its end with 8 small traces in its plan.",
        )
    if not shown.routed.layers:
        return Untold(
            "There are no choices that could settle",
            "Every layer of this run mixes all experts, so no token is sent to some of them.",
        )
    try:
        return _settled(shown.routed, str(shown.routed.path), on_the_way)
    except (TraceError, AnalysisError) as error:
        return Untold("When routing settled cannot be told", problem=str(error))


def untold(why: Untold) -> None:
    """The sentence in place of the lines."""
    with page.card():
        page.head(why.finding, why.note)
        if why.problem:
            page.problems([("warning", why.problem, "")])


def _no_last(shown: Shown) -> str:
    return "a last trace that cannot be read." if shown.unreadable else "no last trace yet."


@st.cache_resource(max_entries=8, show_spinner="Comparing traces")
def _settled(_routed: Routed, file: str, on_the_way: tuple[tuple[int, Path], ...]) -> dict[str, Saturation]:
    """Saturation of each layer that selects, by path. Raises TraceError and AnalysisError."""
    last = _routed.trace
    traces = [read(path) for _, path in on_the_way]
    places = [shared(trace, last) for trace in traces]
    steps = [*(step for step, _ in on_the_way), last.header.checkpoint]
    found = {}
    for path in (figures["path"] for figures in _routed.layers):
        chosen = [trace.layer(path).expert[ours] for trace, (ours, _) in zip(traces, places, strict=True)]
        layer = last.layer(path)
        found[path] = saturation([*chosen, layer.expert[places[-1][1]]], steps, layer.experts)
    return found


def settled(shown: Shown, found: dict[str, Saturation]) -> None:
    """One line a layer; the layer that settled last speaks."""
    assert shown.routed is not None
    names = shown.routed.names
    folder = files.folder(shown.db.root, "runs", shown.run.id)
    weight = size(sum(path.stat().st_size for _, path in small_traces(folder)))
    late = min(found, key=lambda path: float(found[path].agreement_C[:-1].mean()))
    series = {
        names[path].capitalize(): list(zip(one.steps_C.tolist(), one.agreement_C.tolist(), strict=True))
        for path, one in found.items()
    }
    with page.card():
        card.head(
            found[late].reading,
            f"{names[late].capitalize()}, the last to settle. Lines: share of a token's experts that are"
            f" those of the last checkpoint, on the same held-out tokens ({weight} of small traces).",
            "Settling of routing",
            lambda: frame(series),
            "routing.settled",
        )
        chance = float(found[late].chance_C[0])
        last = int(found[late].steps_C[-1])
        drawing = curves(series, palette.current(), last_step=last, reference=("by chance", chance), top=1.0)
        page.chart(drawing, found[late].reading.shows, height=HEIGHT, key="routing.settled")


def lives(found: Counters) -> None:
    """Experts that fell asleep or woke up, layer by layer."""
    each = {path: lifetimes(load_FE, found.steps) for path, load_FE in found.loads.items()}
    if not each:
        return
    rows = [
        (change.step, found.names[path], change.expert, "woke up" if change.awake else "fell asleep")
        for path, one in each.items()
        for change in one.changes
    ]
    asleep = sum(int((~one.awake_SE[-1]).sum()) for one in each.values())
    experts = sum(one.awake_SE.shape[1] for one in each.values())
    woke = sum(row[3] == "woke up" for row in rows)
    finding = (
        f"{asleep} of {experts} experts are asleep at the end; {woke} woke up and {len(rows) - woke} fell"
        " asleep on the way"
    )
    if not asleep and not rows:
        finding = f"None of {experts} experts is asleep at the end, and none was on the way"
    table = pd.DataFrame(sorted(rows), columns=["step", "layer", "expert", "what"])
    with page.card():
        page.head(finding, next(iter(each.values())).reading.trap)
        if len(table):
            st.dataframe(
                table,
                hide_index=True,
                row_height=27,
                height=180 if len(table) > 5 else "content",
                key="routing.lives",
                alt=finding,
            )


def jumps(found: Counters) -> None:
    """Where the loss jumped."""
    one = spikes(list(found.all_losses.values()), list(found.all_losses))
    table = pd.DataFrame({"step": one.steps, "height, nats": one.heights.round(3)})
    with page.card():
        page.head(one.reading.shows.rstrip("."), f"{one.reading.chance} {one.reading.trap}")
        if len(table):
            st.dataframe(
                table,
                hide_index=True,
                row_height=27,
                height=180 if len(table) > 5 else "content",
                key="routing.jumps",
                alt=one.reading.shows,
            )
