"""One token of a text: the router's shares, what each pick added, what it speaks for, every layer."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from app import state
from app.views._routing.expert import sign
from components import page
from components.charts import palette
from components.charts.cost import bars
from components.tokens.mount import Cell, tokens
from core.probe.answers import Inspection, LayerView

LAYER = "routing.tokens.layer"
#: Experts of a token that are drawn.
MOST = 8


def show(found: Inspection, layer: LayerView, at: int, names: dict[str, str]) -> None:
    """Token `at` in `layer`, and its first expert in all layers."""
    ranked = shares(layer, at)
    title = f"{_quoted(int(found.token_T[at]))}, token {at + 1}"
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        with st.container(width="stretch"):
            page.head(f"{title}: {finding(layer, at)}", _note(found, layer, at))
        page.table(
            f"Experts of token {at + 1}",
            pd.DataFrame(ranked, columns=["expert", "router probability", "what came of it"]),
            "routing.one",
        )
    drawn = [(f"expert {expert}", share, words) for expert, share, words in ranked[:MOST]]
    page.chart(
        bars(drawn, palette.current()),
        f"Router's shares for {title}",
        height=30 + 24 * len(drawn),
        key="routing.one",
    )
    _picks(found, layer, at)
    _layers(found, at, names)


def finding(layer: LayerView, at: int) -> str:
    taken = layer.expert_TK[at][layer.accepted_TK[at]].tolist()
    if not taken:
        return "no expert took it" if (layer.expert_TK[at] >= 0).any() else "sent to no expert"
    if len(taken) == 1:
        return f"expert {taken[0]} took it"
    return f"experts {', '.join(map(str, taken[:-1]))} and {taken[-1]} took it"


def _note(found: Inspection, layer: LayerView, at: int) -> str:
    even = f"even: {1 / layer.experts:.1%}".replace("%", "\u2009%")
    said = f"Share the router gave each expert; {even}. Entropy {layer.entropy_T[at]:.2f} nats"
    if math.isfinite(layer.margin_T[at]):
        said += f", margin to the best one left out {layer.margin_T[at]:.3f}"
    return said + "."


def shares(layer: LayerView, at: int) -> list[tuple[int, float, str]]:
    """(expert, probability, words), the picked ones first, then the likeliest."""
    rank = {int(e): k for k, e in enumerate(layer.expert_TK[at].tolist()) if e >= 0}
    share_E = layer.probability_TE[at]
    order = sorted(range(layer.experts), key=lambda e: (rank.get(e, len(rank)), -share_E[e], e))
    return [(e, float(share_E[e]), _words(layer, at, e, rank.get(e))) for e in order]


def _words(layer: LayerView, at: int, expert: int, pick: int | None) -> str:
    share = f"{100 * layer.probability_TE[at, expert]:.0f}\u2009%"
    if pick is None:
        return f"{share}, not picked"
    return share if layer.accepted_TK[at, pick] else f"{share}, dropped: no room"


def _picks(found: Inspection, layer: LayerView, at: int) -> None:
    """What each pick added to the stream, and the bytes its contribution alone speaks for."""
    rows = [
        {
            "expert": int(layer.expert_TK[at, k]),
            "weight": f"{layer.weight_TK[at, k]:.2f}",
            "length added": f"{layer.contribution_TK[at, k]:.2f}",
            "speaks for": " ".join(_quoted(b) for b in layer.lens_TKN[at, k].tolist() if b >= 0),
        }
        for k in np.flatnonzero(layer.accepted_TK[at]).tolist()
    ]
    if rows:
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)
    guesses = ", ".join(
        f"{_quoted(b)} {100 * p:.0f}\u2009%"
        for b, p in zip(found.guess_TN[at].tolist(), found.guess_probability_TN[at].tolist(), strict=True)
    )
    nll = found.nll_T[at]
    came = "" if math.isnan(nll) else f" What came: {_quoted(int(found.token_T[at + 1]))}, {nll:.2f} nats."
    page.small(f"The model expects next: {guesses}.{came}")
    page.small(
        "Speaks for: the bytes that the last norm and head read from this contribution alone. It leaves out"
        " what later layers make of it."
    )


def _quoted(byte: int) -> str:
    return f"“{sign(byte)}”"


def _layers(found: Inspection, at: int, names: dict[str, str]) -> None:
    """The token's first expert in every layer; a click goes there."""
    paths = [layer.path for layer in found.layers]
    cells = []
    for layer in found.layers:
        taken = layer.expert_TK[at][layer.accepted_TK[at]]
        expert = int(taken[0]) if len(taken) else -1
        text = str(expert) if expert >= 0 else "–"
        cells.append(Cell(text, names[layer.path], expert, f"{names[layer.path]}: expert {text}"))

    def picked(position: int) -> None:
        state.remember(LAYER, paths[position])

    page.small("Its first expert in each layer")
    tokens(
        cells,
        label="First expert of the token in each layer",
        selected=paths.index(st.session_state[LAYER]),
        key="routing.tokens.layers",
        wide=True,
        on_pick=picked,
    )
