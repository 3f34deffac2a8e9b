"""Together: which experts work on the same tokens, and where they should live."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.matrix import lifts
from components.charts.sent import sent
from components.graph.mount import draw, graph
from components.words import plural
from core.analysis.coactivation import Coactivation, coactivation, layout
from core.analysis.placement import Placement, placement

DEVICES = "routing.devices"
#: Up to this many devices a proposal is offered for.
MOST_DEVICES = 8


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Groups as a graph and as a matrix, then a placement on devices of all layers."""
    path = routed.layers[index]["path"]
    found = card.kept(routed, "pairs", lambda at: coactivation(routed.trace, routed.trace.layer(at)), path)
    if found is not None:
        pairs(routed, found, routed.layers[index]["load"])
    proposal(routed)


def pairs(routed: Routed, found: Coactivation, load: list[int]) -> None:
    """The layer's experts, where they meet."""
    name = routed.names[found.path]
    left, right = st.columns([1, 1], gap="small")
    with left, page.card():
        card.head(
            found.reading,
            "Lines join experts that meet on more tokens than by chance, of each expert the three strongest.",
            f"Groups of experts, {name}",
            lambda: groups(found, load),
            "routing.groups",
        )
        draw(
            graph(layout(found), found.community_E, load, found.lift_EE, found.reading.shows),
            key="routing.graph",
        )
    order = np.lexsort((np.arange(len(load)), np.where(found.community_E < 0, len(load), found.community_E)))
    lift_EE, order = told(found.lift_EE, order)
    names = [str(e) for e in order]
    finding = strongest(found)
    with right, page.card():
        page.card_head(
            finding,
            "Tokens both experts took, over what the same experts paired at random would share: 1 is chance."
            f" In the order of the groups.{_left_out(len(load) - len(order))}",
            f"Pairs of experts, {name}",
            lambda: table(found),
            "routing.pairs",
        )
        if not len(order):
            return
        none = np.zeros(lift_EE.shape, np.bool_)
        drawing = lifts(names, lift_EE, none, palette.current(), "expert", columns=names)
        page.chart(drawing, finding, height=min(420, 110 + 24 * len(order)), key="routing.pairs")


def told(
    lift_EE: npt.NDArray[np.float64], order: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The matrix and the experts in this order, without those that no other can be compared with."""
    lift_EE = lift_EE.copy()
    np.fill_diagonal(lift_EE, np.nan)
    kept = order[np.isfinite(lift_EE[order]).any(axis=1)]
    return lift_EE[np.ix_(kept, kept)], kept


def _left_out(experts: int) -> str:
    return f" Left out: {plural(experts, 'expert')} without a pair to compare." if experts else ""


def strongest(found: Coactivation) -> str:
    """The pair furthest above chance, among those that meet often enough to tell."""
    seen = np.triu(found.counts_EE >= 20, 1) & np.isfinite(found.lift_EE)
    if not seen.any():
        return "No two experts meet often enough to tell"
    a, b = np.unravel_index(int(np.where(seen, found.lift_EE, -1).argmax()), seen.shape)
    return f"Experts {a} and {b} meet {found.lift_EE[a, b]:.1f} times as often as by chance"


def proposal(routed: Routed) -> None:
    """All layers on devices: what travels as laid out in order, at random, and as proposed."""
    fewest = min(len(layer["load"]) for layer in routed.layers)
    most = min(MOST_DEVICES, fewest)
    if most < 2:
        return
    with page.card():
        place = st.container()
        devices = st.slider(
            "Devices",
            2,
            max(3, most),
            min(4, most),
            key=DEVICES,
            width=240,
            bind="query-params",
            help="The experts of every layer are shared out evenly over so many devices",
        )
        found = card.kept(routed, "placement", lambda n: placement(routed.trace, n), devices)
        if found is None:
            return
        with place:
            card.head(
                found.reading,
                "Vectors a token sends between devices, to its experts and back into one sum.",
                f"Placement on {devices} devices",
                lambda: places(routed, found),
                "routing.placement",
            )
        rows = [
            ("in order", found.before.out, found.before.back),
            ("at random", found.random.out, found.random.back),
            ("as proposed", found.after.out, found.after.back),
        ]
        drawing = sent(rows, palette.current())
        page.chart(drawing, found.reading.shows, height=170, key="routing.placement")


def groups(found: Coactivation, load: list[int]) -> pd.DataFrame:
    """One row an expert."""
    return pd.DataFrame(
        {
            "expert": range(len(load)),
            "group": [int(group) + 1 if group >= 0 else None for group in found.community_E],
            "tokens": load,
        }
    )


def table(found: Coactivation) -> pd.DataFrame:
    """One row a pair."""
    first, second = np.triu_indices(len(found.counts_EE), 1)
    return pd.DataFrame(
        {
            "expert": first,
            "and": second,
            "tokens of both": found.counts_EE[first, second],
            "times chance": found.lift_EE[first, second].round(3),
        }
    )


def places(routed: Routed, found: Placement) -> pd.DataFrame:
    """The proposal: one row an expert of a layer."""
    rows = [
        (routed.names[path], expert, int(device))
        for path, device_E in zip(found.paths, found.device_LE, strict=True)
        for expert, device in enumerate(device_E)
        if device >= 0
    ]
    return pd.DataFrame(rows, columns=["layer", "expert", "device"])
