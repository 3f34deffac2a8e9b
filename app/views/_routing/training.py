"""Over training: how the routing came about, step by step."""

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.views._routing import history
from app.views._routing.counters import Counters, read_counters, read_payload
from app.views._routing.empty import nothing
from app.views._routing.shown import Shown
from components import page
from components.charts import routed
from components.heat.grid import row_shares
from components.scrub.mount import scrub
from components.words import plural
from core.cost.format import count
from storage.status import ACTIVE


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line."""
    return (f"python -m app runs show {shown.run.id} --json", f"python -m app routing {shown.run.id} --json")


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """The player, then what follows from its counts."""
    found = read_counters(shown)
    if found is None:
        _none(shown)
        return
    player(shown, found)
    agreed = history.agreement(shown)
    left, right = st.columns(2, gap="small")
    with left:
        history.evenness(found)
    if isinstance(agreed, history.Untold):
        # A sentence each, so they stand below one another beside the chart, if there is one.
        with right if found.loads else left:
            history.untold(agreed)
        with right:
            history.lives(found)
            history.jumps(found)
        return
    with right:
        history.settled(shown, agreed)
    # Row by row: the charts beside each other, the two that are often a sentence each below them.
    left, right = st.columns(2, gap="small")
    with left:
        history.lives(found)
    with right:
        history.jumps(found)


def _none(shown: Shown) -> None:
    if shown.run.status in ACTIVE:
        nothing("This run has not counted a token yet. Its first figures come with the first logged step.")
    else:
        nothing(
            "This run never routed a token: it has no MoE layer, or it ended before its first logged step."
        )


def player(shown: Shown, found: Counters) -> None:
    """Layers x experts over the steps, drawn in the browser."""
    names = found.names
    finding = routed.over_training([(names[path], counts) for path, counts in found.counts.items()])
    windows = plural(len(found.steps), "window")
    some = f" of {count(found.windows)}, evenly chosen" if found.windows > len(found.steps) else ""
    with page.card():
        page.card_head(
            finding,
            f"Share of a layer's picks each expert received, in {windows}{some} of the training, up to step"
            f" {count(found.steps[-1])}. Balancing pulls rows towards even: read a row over time,"
            " not the mean of rows.",
            f"Routing at step {found.steps[-1]}",
            lambda: last_window(found),
            "routing.over",
        )
        scrub(read_payload(shown, finding + "."), key="routing.scrub")


def last_window(found: Counters) -> pd.DataFrame:
    """The newest window, exact: layer, domain, expert, picks, share."""
    parts = []
    for path, counts_FNE in found.counts.items():
        counts_NE = counts_FNE[-1]
        N, E = counts_NE.shape
        columns = {
            "layer": found.names[path],
            "domain": np.repeat(found.domains, E),
            "expert": np.tile(np.arange(E), N),
            "picks": None if path in found.soft else counts_NE.ravel(),
            "share, %": (100 * row_shares(counts_NE)).round(2).ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
