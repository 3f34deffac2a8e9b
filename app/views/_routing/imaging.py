"""The experts that set a domain apart, and what switching them off does against others of like usage."""

import shlex
from collections import Counter

import numpy as np
import pandas as pd
import streamlit as st

from app.errors import UserError
from app.record import layer_name
from app.routed import Routed
from app.views._routing.asked import asked
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.boxes import Boxes, boxes
from core.analysis.differential import Differential, differential, prompts
from core.analysis.errors import AnalysisError
from core.analysis.reading import figure
from core.cost.format import MINUS, count
from core.probe.answers import Sweep, TraceFile
from core.trace.record import read
from storage import files

TARGET, ASKED, TESTED = (f"routing.imaging.{name}" for name in ("target", "asked", "tested"))
SIZES = (1, 2, 4)


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same as the test that was drawn just now; nothing where none was."""
    tested: tuple[str, list[int]] | None = st.session_state.pop(TESTED, None)
    if tested is None:
        return ()
    target, sizes = tested
    words = ["python", "-m", "app", "whatif", shown.run.id, f"--sweep={target}"]
    return (shlex.join([*words, "--sizes", ",".join(map(str, sizes))]),)


def show(shown: Shown, routed: Routed) -> None:
    """A card to choose a domain and to ask; needs two domains."""
    if len(routed.trace.domains) < 2:
        return
    with page.card():
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            words = st.container(width="stretch")
            target = st.selectbox(
                "Domain",
                list(routed.trace.domains),
                label_visibility="collapsed",
                width=150,
                key=TARGET,
                bind="query-params",
            )
            st.button(
                "Test its experts",
                icon=":material/science:",
                key="routing.imaging.test",
                on_click=_ask,
                args=(shown.run.id, target),
                help="Finds its most distinctive experts on one half of the held-out text, switches them off"
                " on the other, and does the same with 20 draws of others that are used as much.",
            )
        wanted = st.session_state.get(ASKED)
        if wanted != (shown.run.id, target):
            with words:
                page.head(
                    f"Do the experts of {target} matter more than others of like usage?",
                    "An expert that a domain uses much may still be one that nobody misses. The test says.",
                )
            return
        try:
            apart, found = _tested(shown, routed, target)
        except (UserError, AnalysisError) as error:
            page.problems([("error", str(error), "")])
            return
        with words:
            page.card_head(
                finding(found),
                reading(apart, found),
                f"Experts of {target} switched off",
                lambda: table(found),
                "routing.imaging.table",
            )
        _draw(found)
        st.session_state[TESTED] = (target, [step.size for step in found.steps])


def _ask(run_id: str, target: str) -> None:
    st.session_state[ASKED] = (run_id, target)


def _tested(shown: Shown, routed: Routed, target: str) -> tuple[Differential, Sweep]:
    """The map of one half of the held-out examples, and the sweep on the other."""
    file: TraceFile = asked(shown.db, shown.run.id, "trace", "Tracing one half", part="first")
    trace = read(files.folder(shown.db.root, "runs", shown.run.id) / file.path)
    seen = prompts(trace)
    apart = differential(seen.share_PLE, seen.group_P, trace.domains)
    cells = apart.distinctive(trace.domains.index(target), max(SIZES))
    if not cells:
        raise AnalysisError(f"No expert is used more by {target}. To fix this, choose another domain.")
    sizes = [size for size in SIZES if size <= len(cells) and _leaves_as_many(cells[:size], routed)]
    found: Sweep = asked(
        shown.db,
        shown.run.id,
        "sweep",
        "Switching experts off, and 20 controls for each size",
        target=target,
        cells=[(seen.paths[layer], expert) for layer, expert in cells],
        sizes=sizes,
    )
    return apart, found


def _leaves_as_many(cells: list[tuple[int, int]], routed: Routed) -> bool:
    """Whether every layer has as many experts beside those switched off, for controls to be drawn from."""
    off = Counter(layer for layer, _ in cells)
    return all(2 * number <= len(routed.layers[layer]["load"]) for layer, number in off.items())


def finding(found: Sweep) -> str:
    """The step whose ratio is surest."""
    step = max(found.steps, key=lambda step: step.ratio_low or 0.0)
    at = found.domains.index(found.target)
    named = (
        f"Without its {step.size} most distinctive experts"
        if step.size > 1
        else "Without its most distinctive expert"
    )
    rise = f"{named} {found.target} loses {figure(float(step.delta_N[at]))} nats"
    if step.ratio is None:
        return f"{rise}; its controls do no harm"
    return f"{rise}, {figure(step.ratio)} times its controls"


def reading(apart: Differential, found: Sweep) -> str:
    """By how much the domain prefers its first expert, and what chance reaches."""
    of_G = apart.map_GLE[apart.names.index(found.target)]
    path, expert = found.steps[0].cells[0]
    more, by_chance = figure(100 * float(np.nanmax(of_G))), figure(100 * apart.beyond_chance)
    none = ", so which they are may be chance" if np.nanmax(of_G) <= apart.beyond_chance else ""
    return (
        f"Answered by step {count(found.step)}. Controls: as many others of like usage."
        f" The first one is expert {expert} of {layer_name(path)}: {found.target} sends it {more}"
        f" percentage points more of its choices than others do; shuffled prompts reach {by_chance}{none}."
        " Found on one half of the held-out text, tested on the other."
    )


def _draw(found: Sweep) -> None:
    at = found.domains.index(found.target)
    drawn = [
        Boxes(
            f"{step.size}",
            tuple(float(v) for v in step.control_DN[:, at]),
            float(step.delta_N[at]),
            float(step.low_N[at]),
            float(step.high_N[at]),
        )
        for step in found.steps
    ]
    left, right = st.columns([1, 1], gap="medium")
    with left:
        page.chart(
            boxes(
                drawn,
                palette.current(),
                x_title="experts off",
                y_title=f"rise of loss on {found.target}, nats",
            ),
            finding(found),
            height=230,
            key="routing.imaging",
        )
        page.small("Dot: its distinctive experts, 95 % interval. Box: 20 draws of others of like usage.")
    with right:
        page.small("Rise of loss in nats, by domain; in brackets the mean of the controls")
        st.table(by_domain(found), border="horizontal", hide_index=True)
        page.small(f"Switched off, in this order: {', '.join(map(_name, found.steps[-1].cells))}.")


def _name(cell: tuple[str, int]) -> str:
    path, expert = cell
    return f"expert {expert} of {layer_name(path)}"


def by_domain(found: Sweep) -> pd.DataFrame:
    """A row for each domain, a column for each size."""
    frame: dict[str, list[str]] = {"domain": list(found.domains)}
    for step in found.steps:
        frame[f"{step.size} off"] = [
            f"{figure(float(rise))} ({figure(float(control))})".replace("-", MINUS)
            for rise, control in zip(step.delta_N, step.control_DN.mean(0), strict=True)
        ]
    return pd.DataFrame(frame)


def table(found: Sweep) -> pd.DataFrame:
    """A row for each size and domain."""
    rows = []
    for step in found.steps:
        for n, name in enumerate(found.domains):
            rows.append(
                {
                    "experts off": ", ".join(map(_name, step.cells)),
                    "domain": name,
                    "rise": figure(float(step.delta_N[n])),
                    "interval": f"{figure(float(step.low_N[n]))} to {figure(float(step.high_N[n]))}",
                    "controls, mean": figure(float(step.control_DN[:, n].mean())),
                }
            )
    return pd.DataFrame(rows)
