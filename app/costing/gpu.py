"""The Cost page for processors: roofline, fit, time by batch."""

import math
from functools import lru_cache

import pandas as pd
import streamlit as st

from app.costing import findings
from components import page
from components.charts import palette
from components.charts.cost import ROOF_HEIGHT, Roof, roofline, stacked
from components.fit.mount import Cell, Row, fit_table
from core.cost.count import count
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.estimate import Estimate, estimate
from core.cost.format import digits, letters, percent, seconds, size
from core.cost.scenario import PHASES
from core.design.spec import Design

TARGETS = ("h100-sxm", "h200-sxm", "a100-80-sxm", "rtx4090")
ALL = (*TARGETS, "this-cpu")
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WEIGHTS = ("bf16", "fp8", "int8", "int4", "fp32")
COLUMNS = (("bf16", "bf16"), ("fp8 / int8", "int8"), ("int4", "int4"), ("train, AdamW", "train"))
TIGHT = 0.85


def title_of(name: str) -> str:
    """The name on the page; measuring this machine waits until someone asks for it."""
    if name == "this-cpu":
        return "This CPU"
    device = registry.device(name)
    return device.title


@lru_cache(maxsize=512)
def costed(design: Design, target: str, phase: str, batch: int, context: int, weights: str) -> Estimate | str:
    """The estimate, or why there is none. Weights a device cannot take fall back to what it computes in."""
    try:
        return estimate(design, target, phase=phase, batch=batch, context=context, weights=weights)
    except ValueError as error:
        return str(error)


def contexts(design: Design) -> list[int]:
    """Contexts to choose from, the design's own among them."""
    own = design.task.tokens
    return sorted({own, *(n for n in (64, 128, 512, 2048, 8192, 32768, 131072) if n <= max(own, 512))})


def show(design: Design) -> str:
    """Draw the half page; gives the command that says the same."""
    language = design.task.causal_loss
    phases = PHASES if language else tuple(phase for phase in PHASES if phase != "decode")
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        target = (
            st.pills("Target", ALL, default=TARGETS[0], format_func=title_of, key="cost.target") or TARGETS[0]
        )
        phase = st.segmented_control(
            "Phase",
            phases,
            default="decode" if language else "prefill",
            format_func=str.capitalize,
            key="cost.phase",
        )
        phase = phase or phases[0]
        kinds = ("bf16", "fp32") if phase == "train" else WEIGHTS
        weights = st.selectbox("Weights", kinds, width=110, key=f"cost.weights.{phase}")
        batch = st.select_slider("Batch", BATCHES, 8, width=190, key="cost.batch")
        own = min(design.task.tokens, 4096)
        options = contexts(design) if language else [design.task.tokens]
        context = options[0]
        if len(options) > 1:
            nearest = min(options, key=lambda n: abs(n - own))
            context = st.select_slider(
                "Context", options, nearest, width=190, key=f"cost.context.{len(options)}"
            )
    with st.spinner("Measuring this machine", show_time=False) if target == "this-cpu" else st.container():
        found = costed(design, target, phase, batch, context, weights)
    command = f"--target {target} --phase {phase} --batch {batch} --context {context} --weights {weights}"
    if isinstance(found, str):
        st.warning(page.plain(found), icon=":material/warning:")
        return command
    left, right = st.columns([1.12, 1], gap="small")
    with left, page.card():
        _roofline(found)
    with right, page.card():
        _fits(design, found, batch, context)
    with page.card():
        _by_batch(design, found)
    return command


def _roofline(found: Estimate) -> None:
    device = registry.device(found.target)
    assert isinstance(device, Processor)
    peak = device.peak[device.compute]
    roof = Roof(
        peak,
        device.bandwidth,
        f"{device.title}: {digits(peak / 1e12)} TFLOP/s {device.compute}",
        f"{digits(device.bandwidth / 1e12)} TB/s",
    )
    finding = findings.what_bounds(found)
    load = found.load
    with st.container(horizontal=True, gap="small"):
        page.head(
            finding,
            f"{found.title}, {load.phase}, batch {load.batch}, context {load.context}, {load.weights.name}. "
            "Dot area is the share of step time.",
        )
        st.space("stretch")
        page.table("operators", lambda: findings.operators(found), key="operators")
        with st.popover("Sources", icon=":material/info:", type="tertiary"):
            st.dataframe(findings.grades(found), hide_index=True, alt="Figures with band and grade")
            st.caption(page.plain(found.source))
    page.chart(
        roofline(roof, findings.dots(found), palette.current()), finding, height=ROOF_HEIGHT, key="roofline"
    )


def _fits(design: Design, shown: Estimate, batch: int, context: int) -> None:
    names = [*TARGETS, *([shown.target] if shown.target not in TARGETS else [])]
    fits = [_fit_row(design, name, shown, batch, context) for name in names]
    rows = [row for row, _ in fits]
    finding = _fit_finding(rows, fits[0][1])
    page.head(finding, f"Share of the device's memory, and tokens per second, at batch {batch}.")
    fit_table([title for title, _ in COLUMNS], rows, finding, key="fit")
    if cached := findings.cached(count(design), context):
        st.caption(page.plain(cached))


def _fit_row(design: Design, name: str, shown: Estimate, batch: int, context: int) -> tuple[Row, float]:
    """A device's cells, and the bytes it lacks in the format that asks for least."""
    phase = (
        shown.load.phase
        if shown.load.phase != "train"
        else "decode"
        if design.task.causal_loss
        else "prefill"
    )
    cells, has, lacks = [], 0.0, math.inf
    for _, weights in COLUMNS:
        training = weights == "train"
        precision = ("bf16" if name != "this-cpu" else "fp32") if training else weights
        found = costed(design, name, "train" if training else phase, batch, context, precision)
        if isinstance(found, str):
            cells.append(Cell("none", "–", found))
            continue
        has, lacks = found.has, min(lacks, found.needs.total.value - found.has)
        chosen = name == shown.target and (
            training if shown.load.phase == "train" else weights == shown.load.weights.name
        )
        cells.append(_fit_cell(found, chosen))
    return Row(title_of(name), size(has), tuple(cells)), lacks


def _fit_cell(found: Estimate, chosen: bool) -> Cell:
    needed = found.needs.total.value
    share = needed / found.has
    if share > 1:
        return Cell("not", f"+{size(needed - found.has)}", "does not fit", chosen)
    return Cell(
        "tight" if share > TIGHT else "fits", percent(share), f"{letters(found.rate.value)} tok/s", chosen
    )


def _fit_finding(rows: list[Row], lacks: float) -> str:
    """What fits where, in a sentence; `lacks` bytes are missing on the first device at least."""
    full = [title for (title, _), *cells in zip(COLUMNS, *(row.cells for row in rows), strict=True)
            if all(cell.kind in ("fits", "tight") for cell in cells)]  # fmt: skip
    if len(full) == len(COLUMNS):
        return "It fits every target in every format, and trains on all of them"
    if full:
        return f"It fits every target in {findings.listed(full)}"
    any_fit = [row.name for row in rows if any(cell.kind in ("fits", "tight") for cell in row.cells)]
    if any_fit:
        return f"It fits {findings.listed(any_fit)} in some formats only"
    return f"It fits no single device; {rows[0].name} misses {size(lacks)} at least"


def _by_batch(design: Design, shown: Estimate) -> None:
    load, rows = shown.load, []
    for batch in BATCHES[:8]:
        found = costed(design, shown.target, load.phase, batch, load.context, load.weights.name)
        if isinstance(found, str):
            continue
        for rank, (group, value) in enumerate(findings.grouped(found).items()):
            rows.append(
                {
                    "x": str(batch),
                    "group": group,
                    "rank": rank,
                    "value": value * 1e3,
                    "low": (found.step.low or found.step.value) * 1e3,
                    "high": (found.step.high or found.step.value) * 1e3,
                    "note": seconds(found.step.value),
                    "batch": batch,
                }
            )
    data = pd.DataFrame(rows)
    finding = _batch_finding(data)
    with st.container(horizontal=True, gap="small"):
        page.head(
            finding,
            f"Milliseconds per step on {shown.title}, {load.phase}, {load.weights.name}; the line is the "
            "10–90 % band. Time bound by launching counts as launch.",
        )
        st.space("stretch")
        page.table("time by batch", data[["batch", "group", "value", "low", "high"]], key="by-batch")
    drawn = stacked(data, findings.GROUPS, palette.current(), x_title="batch", y_title="ms per step")
    page.chart(drawn, finding, height=170, key="by-batch")


def _batch_finding(data: pd.DataFrame) -> str:
    """Which group leads at the smallest and at the largest batch."""

    def leader(batch: int) -> str:
        mine = data[data["batch"] == batch]
        return str(mine.nlargest(1, "value")["group"].iloc[0])

    first, last = int(data["batch"].min()), int(data["batch"].max())
    low, high = leader(first), leader(last)
    if low == high:
        return f"Most of the time goes to {low.lower()} at every batch from {first} to {last}"
    return f"Most of the time goes to {low.lower()} at batch {first}, to {high.lower()} at batch {last}"
