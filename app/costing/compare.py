"""The design beside its dense twin or a preset, on the same question."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pandas as pd
import streamlit as st

from app.costing.controls import Chosen
from app.costing.question import costed
from components import page
from components.words import humanise
from core.cost.asking import RefusedError
from core.cost.estimate import Estimate
from core.cost.figure import Figure
from core.cost.flops import flops
from core.cost.format import delta, letters, show
from core.cost.money import spent
from core.cost.rates import routed
from core.design.presets.registry import names, preset
from core.design.spec import Design
from core.design.twin import dense_twin

TWIN = "Its dense twin"


@lru_cache(maxsize=32)
def twin(design: Design) -> Design | None:
    """The twin, kept while the design stays."""
    return dense_twin(design)


def draw(design: Design, chosen: Chosen) -> None:
    """A table of both, and of what a step takes."""
    own = twin(design)
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        words = st.container(width="stretch")
        offered = [*([TWIN] if own is not None else []), *names()]
        picked = st.selectbox(
            "Compare with", offered, label_visibility="collapsed", width=220, key="cost.compare"
        )
    other = own if picked == TWIN else preset(picked)
    if other is None:
        return
    mine, theirs = figures(design, chosen), figures(other, chosen)
    with words:
        page.head(finding(picked, mine, theirs), _note(picked, chosen))
    rows = [
        {
            "": label,
            "This design": _said(mine[label]),
            picked: _said(theirs.get(label)),
            "Difference": _difference(mine[label], theirs.get(label)),
        }
        for label in mine
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _note(picked: str, chosen: Chosen) -> str:
    question = chosen.question
    how = f"{chosen.targets[0].title}, {question.phase}, batch {question.batch}, {question.weights}."
    if picked == TWIN:
        return f"{how} The twin has, in place of each MoE layer, a dense FFN as wide as what a token meets."
    return how


def figures(design: Design, chosen: Chosen) -> dict[str, Figure | str]:
    """Label to figure, or why there is none."""
    on, question = chosen.targets[0], chosen.question
    context = min(question.context, design.task.tokens)
    phase = question.phase if design.task.causal_loss or question.phase != "decode" else "prefill"
    asked = replace(question, context=context, phase=phase, routing=None)
    moves = any(routed(placed.part.body) is not None for placed in design.parts())
    found = costed(design, on, asked if moves else asked.at_home)
    if isinstance(found, RefusedError):
        return {"Time of a step": str(found.problems[0].message)}
    total, active = found.counts.figures()[:2]
    out: dict[str, Figure | str] = {
        "Total parameters": total,
        "Active parameters": active,
        "FLOPs per token": flops(found.counts, context).figures()[0],
        "Memory needed": found.needs.total,
        "Time of a step": found.step,
        "Tokens per second": found.rate,
    }
    return out | money(found, chosen)


def money(found: Estimate, chosen: Chosen) -> dict[str, Figure]:
    """Energy where a power is known, cost where a price was typed."""
    question, devices = chosen.question, found.load.parallel.devices
    told = spent(
        found.step,
        found.load.rows,
        chosen.targets[0],
        devices=devices,
        price=question.price,
        watts=question.watts,
    )
    return {humanise(name): figure for name, figure in told.items()}


def _said(figure: Figure | str | None) -> str:
    if figure is None or isinstance(figure, str):
        return figure or "–"
    shown = show(figure)
    unit = shown.unit.removesuffix(" / token")
    band = f"  ({shown.band})" if shown.band else ""
    return letters(figure.value) if figure.unit == "parameters" else f"{shown.value}\u2009{unit}{band}"


def _difference(mine: Figure | str, theirs: Figure | str | None) -> str:
    if isinstance(mine, str) or theirs is None or isinstance(theirs, str):
        return "–"
    return delta(theirs.value, mine.value)


def finding(name: str, mine: dict[str, Figure | str], theirs: dict[str, Figure | str]) -> str:
    """How much more memory for how much less time, or what else it is."""
    need, step = "Memory needed", "Time of a step"
    values = [found.get(label) for found in (mine, theirs) for label in (need, step)]
    if not all(isinstance(value, Figure) for value in values):
        return f"Beside {name.lower()}"
    bytes_, seconds, other_bytes, other_seconds = (
        value.value for value in values if isinstance(value, Figure)
    )
    memory, time = bytes_ / max(other_bytes, 1.0), seconds / max(other_seconds, 1e-12)
    other = name[0].lower() + name[1:]
    differ = [f"{_times(x)} the {what}" for x, what in ((memory, "memory"), (time, "time")) if not _same(x)]
    same = [what for x, what in ((memory, "memory"), (time, "time")) if _same(x)]
    if not differ:
        return f"As much memory and time as {other}"
    return f"{' and '.join(differ)} of {other}" + (f", in as much {same[0]}" if same else "")


def _same(ratio: float) -> bool:
    return 0.995 <= ratio < 1.005


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times" if ratio < 10 else f"{ratio:.0f} times"
