"""Expertise: does the router know which expert does better on a token, and what does not knowing cost?"""

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.errors import UserError
from app.judging import FRESH, HASH, Judged, judge
from app.routed import Routed
from app.views._routing import choices
from app.views._routing.asked import asked
from app.views._routing.empty import no_trace, nothing
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.differences import Difference, differences
from components.charts.dots import against_chance
from components.charts.matrix import alikeness
from core.analysis.expertise import Expertise
from core.analysis.reading import figure
from core.analysis.routers import Routers
from core.cost.format import count, percent
from core.probe.answers import Counterfactuals


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line."""
    path = st.session_state.get(choices.LAYER)
    return (f"python -m app expertise {shown.run.id}" + (f" --layer {path}" if path else ""),)


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """The verdict on one layer, and routers that know nothing beside it."""
    routed = shown.routed
    if routed is None or not routed.layers:
        if routed is not None and routed.soft:
            nothing("Every layer of this run mixes all experts, so there is no choice to judge.")
        else:
            no_trace(shown)
        return
    with controls:
        index = choices.layer(routed)
    path = routed.layers[index]["path"]
    words = "Measuring every token under every expert"
    try:
        found: Counterfactuals = asked(shown.db, shown.run.id, "expertise", words, path=path)
    except UserError as error:
        page.problems([("error", str(error), "")])
        return
    judged = card.kept(routed, "expertise", lambda *_: judge(found), path, found.step)
    if judged is not None:
        _draw(routed, found, judged)


def _draw(routed: Routed, found: Counterfactuals, judged: Judged) -> None:
    left, right = st.columns(2, gap="small")
    with left, page.card():
        _verdict(judged.told)
        page.small(_how(routed, found, judged.routers))
    with right, page.card():
        _regret(judged.routers)
    if np.isfinite(judged.told.predictive_EE).any():
        with page.card():
            _pairs(judged.told)


def _verdict(told: Expertise) -> None:
    rows = shares(told)
    frame = pd.DataFrame(rows, columns=["expertise", "value", "95 % of shuffles stay below"])
    card.head(told.reading, "", "Expertise of the router", lambda: frame, "routing.expertise")
    if rows:
        drawing = against_chance(rows, palette.current())
        page.chart(drawing, told.reading.shows, height=44 + 34 * len(rows), key="routing.expertise")
        page.small(
            "Predictive: share of the choice that the difference of two experts' losses explains. Prognostic:"
            " the same with both losses known. Grey: what shuffled choices reach."
        )


def shares(told: Expertise) -> list[tuple[str, float, float]]:
    """(name, value, what shuffles reach) of both kinds of expertise; empty where there is no choice."""
    rows = []
    for name, value, chance in (
        ("predictive", told.predictive, told.chance_predictive),
        ("prognostic", told.prognostic, told.chance_prognostic),
    ):
        if value is not None and chance is not None:
            # Under nought is chance too; an axis that starts there says so.
            rows.append((name, max(0.0, value), max(0.0, chance)))
    return rows


def _how(routed: Routed, found: Counterfactuals, routers: Routers) -> str:
    how = "all at once" if found.exact_at_once else "a sample, each in a copy of its example"
    return (
        f"{routed.names[found.path].capitalize()}: {count(routers.tokens)} held-out tokens, {how};"
        f" none dropped; answered by step {count(found.step)}."
        " Experts were trained with this router, so one that never meets a token may do badly on it."
    )


def _regret(routers: Routers) -> None:
    own = float(routers.regret_R[0, 0])
    rows = [
        Difference(name, low, value, high, own, f"{figure(value)}, best expert for {percent(hit)}")
        for name, (value, low, high), (hit, *_) in zip(
            routers.names, routers.regret_R.tolist(), routers.agreement_R.tolist(), strict=True
        )
    ]
    frame = pd.DataFrame(
        [
            (name, *regret, *hit)
            for name, regret, hit in zip(
                routers.names, routers.regret_R.tolist(), routers.agreement_R.tolist(), strict=True
            )
        ],
        columns=["router", "regret, nats", "low", "high", "share to a best expert", "low ", "high "],
    )
    what = "Regret: nats a token above the best expert, 95 % interval. Dashed: this router."
    card.head(routers.reading, what, "Regret of routers", lambda: frame, "routing.regret")
    drawing = differences(rows, palette.current(), "nats above the best expert", zero=False)
    page.chart(drawing, routers.reading.shows, height=64 + 34 * len(rows), key="routing.regret")
    if HASH in routers.names:
        page.small(FRESH)


def _pairs(told: Expertise) -> None:
    names = [str(expert) for expert in range(len(told.predictive_EE))]
    shown_EE = np.clip(told.predictive_EE, 0, 1)
    best = np.unravel_index(int(np.nanargmax(shown_EE)), shown_EE.shape)
    finding = (
        f"The choice between experts {min(best)} and {max(best)} is explained best, {figure(shown_EE[best])}"
    )
    some = (
        f" {told.pairs} of {told.all_pairs} pairs have enough tokens." if told.pairs < told.all_pairs else ""
    )
    rows = [
        (i, j, told.predictive_EE[i, j], told.prognostic_EE[i, j])
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if np.isfinite(told.predictive_EE[i, j])
    ]
    page.card_head(
        finding,
        f"Predictive expertise of every pair, on the tokens that went to one of the two; 1 is all there is to"
        f" know, and the colours end at the highest.{some}",
        "Expertise by pair",
        lambda: pd.DataFrame(rows, columns=["expert", "other", "predictive", "prognostic"]),
        "routing.pairs",
    )
    # Expertise is often a few hundredths: on a scale to 1 all pairs would look alike.
    top = max(0.01, float(shown_EE[best]))
    drawing = alikeness(
        names, shown_EE, palette.current(), signed=False, title="predictive expertise", top=top
    )
    page.chart(drawing, finding, height=min(520, max(240, 26 * len(names) + 90)), key="routing.pairs")
