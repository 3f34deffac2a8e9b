"""The rows of controls of the Cost page: targets, phase, sizes, and in a popover what few change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.composer.load import run_of
from app.costing import own
from app.costing.question import Question, Routing, plan_of
from app.routed import read_trace
from components import page
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.optimizers import OPTIMIZERS
from core.cost.rates import routed
from core.cost.routing import rates_of, seen
from core.cost.scenario import PHASES, RECOMPUTES, STACKS, WAYS, Phase
from core.design.spec import Design
from core.trace.errors import TraceError
from storage.database import Database

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONTEXTS = (64, 128, 512, 2048, 8192, 32768, 131072, 524288, 1048576)
WEIGHTS = ("bf16", "fp8", "int8", "int4", "mxfp4", "nvfp4", "q8_0", "q4_0", "q4_k_m", "fp32")
FIRST = ("h100-sxm", "rtx4090", "l4", "m4max")
MOST = 8
_WAYS = {
    "": "On the device",
    "host": "With the host, which computes",
    "pcie": "With the host, fetched",
    "nvme": "On a drive, fetched",
}
TARGETS, AT_HAND, OTHER = "cost.targets", "cost.targets.at-hand", "cost.targets.other"


@dataclass(frozen=True)
class Chosen:
    """What is asked, and of which devices; the first is drawn in full."""

    targets: tuple[Processor, ...]
    question: Question


def phases(design: Design) -> tuple[Phase, ...]:
    """Those that the design has."""
    return tuple(phase for phase in PHASES if phase != "decode" or design.task.causal_loss)


def contexts(design: Design) -> list[int]:
    """Contexts to choose from, the design's own among them."""
    own_one = design.task.tokens
    return sorted({own_one, *(n for n in CONTEXTS if n <= max(own_one, 512))})


def choose(db: Database, design: Design) -> Chosen | None:
    """Draw the controls; None while no target is chosen."""
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        names = _targets()
        phase, weights, batch, context = _asked(design)
        with st.container(width="content"):
            # As high as the labels beside it.
            st.space("small")
            plan, price, watts, routing = _more(db, design, phase)
    if not names:
        return None
    targets = tuple(own.processor(name) for name in names)
    return Chosen(
        targets,
        Question(phase, batch, context, weights, plan_of(plan), routing, own.stack(), price, watts),
    )


def _targets() -> list[str]:
    """Pills of the devices at hand, and a box with all others; the first is drawn in full."""
    if (described := st.session_state.pop(own.NEXT, None)) is not None:
        _to_front(described)
    at_hand: tuple[str, ...] = st.session_state.setdefault(AT_HAND, FIRST)
    st.session_state.setdefault(TARGETS, list(FIRST))
    names = st.pills(
        "Devices",
        at_hand,
        selection_mode="multi",
        format_func=own.title_of,
        key=TARGETS,
        width="content",
        help=f"The first is drawn in full, at most {MOST} of them in the table.",
    )
    others = [name for name in (*own.processors(), *registry.processors(), "this-cpu") if name not in at_hand]
    st.selectbox(
        "Another device",
        others,
        index=None,
        placeholder=f"{len(others)} more",
        format_func=own.title_of,
        key=OTHER,
        width=112,
        on_change=_other,
    )
    return sorted(names, key=at_hand.index)[:MOST]


def _other() -> None:
    if (name := st.session_state[OTHER]) is not None:
        _to_front(name)
        st.session_state[OTHER] = None


def _to_front(name: str) -> None:
    """Have a device at hand, chosen, and drawn in full."""
    for key in (AT_HAND, TARGETS):
        kept = st.session_state.get(key, FIRST)
        st.session_state[key] = type(kept)([name, *(each for each in kept if each != name)])


def _asked(design: Design) -> tuple[Phase, str, int, int]:
    offered = phases(design)
    phase = st.segmented_control(
        "Phase", offered, default=offered[1] if len(offered) > 2 else offered[0], required=True,
        format_func=str.capitalize, key="cost.phase", width="content",
    )  # fmt: skip
    phase = phase or offered[0]
    weights = st.selectbox("Weights", WEIGHTS, width=104, key=f"cost.weights.{phase}")
    batch = st.select_slider("Batch", BATCHES, 8, width=128, key="cost.batch")
    options = contexts(design) if design.task.causal_loss else [design.task.tokens]
    context = options[0]
    if len(options) > 1:
        near = min(options, key=lambda n: abs(n - min(design.task.tokens, 4096)))
        context = st.select_slider("Context", options, near, width=128, key=f"cost.context.{len(options)}")
    return phase, weights, batch, context


def _more(
    db: Database, design: Design, phase: Phase
) -> tuple[Mapping[str, int | str | None], float | None, float | None, Routing | None]:
    """Several devices, software, training, price: in a popover."""
    plan: dict[str, int | str | None] = {}
    with st.popover("More", icon=":material/tune:", key="cost.more"):
        st.markdown("**Several devices**")
        with st.container(horizontal=True, gap="small"):
            for name, label in (("tp", "Tensor"), ("ep", "Expert"), ("pp", "Pipeline"), ("dp", "Data")):
                plan[name] = st.number_input(label, 1, 4096, 1, width=96, key=f"cost.{name}")
        stack = st.selectbox(
            "Software",
            ("", *STACKS),
            format_func=lambda name: name or "What such a step usually runs on",
            key="cost.stack",
        )
        plan["stack"] = stack or None
        if phase == "train":
            plan |= _training()
        plan |= _offload(design)
        routing = _routing(db, design)
        st.markdown("**Money and energy**")
        with st.container(horizontal=True, gap="small"):
            price = st.number_input(
                "Price of a device and hour",
                0.0,
                1e5,
                None,
                width=190,
                key="cost.price",
                placeholder="such as 2.5",
            )
            watts = st.number_input(
                "Watts measured", 1.0, 1e4, None, width=150, key="cost.watts", placeholder="else as rated"
            )
    return plan, price, watts, routing


def _training() -> dict[str, int | str | None]:
    st.markdown("**Training**")
    with st.container(horizontal=True, gap="small"):
        micro = st.number_input(
            "Micro-batch", 1, 4096, None, width=110, key="cost.micro", placeholder="its share"
        )
        zero = st.selectbox("ZeRO stage", (0, 1, 2, 3), 1, width=110, key="cost.zero")
        recompute = st.selectbox("Recompute", RECOMPUTES, width=120, key="cost.recompute")
    optimizer = st.selectbox(
        "Optimizer", list(OPTIMIZERS), format_func=lambda name: OPTIMIZERS[name].title, key="cost.optimizer"
    )
    return {"micro_batch": micro, "zero": zero, "recompute": recompute, "optimizer": optimizer}


def _offload(design: Design) -> dict[str, int | str | None]:
    """Where experts lie that do not fit; nothing of a design without routed ones."""
    layers = sum(placed.times for placed in design.parts() if routed(placed.part.body) is not None)
    if not layers:
        return {}
    st.markdown("**Experts that do not fit**")
    with st.container(horizontal=True, gap="small"):
        way = st.selectbox(
            "They lie", ("", *WAYS), format_func=lambda way: _WAYS[way], width=230, key="cost.offload"
        )
        if not way:
            return {}
        moved = st.number_input(
            f"Layers of {layers}", 0, layers, layers, width=120, key=f"cost.offload.{layers}"
        )
    return {"offload": way, "offload_layers": None if moved == layers else moved}


def _routing(db: Database, design: Design) -> Routing | None:
    """Measured routing of the open run, if it is of this design: on by default."""
    run = run_of(db, design)
    if run is None:
        return None
    try:
        traced = read_trace(db, run.id)
        rates = rates_of(seen(design, traced.trace.layers)) if traced else {}
    except (TraceError, ValueError) as error:
        page.problems([("warning", str(error), "")])
        return None
    wanted = st.toggle(
        f"Experts as {run.name} routed",
        bool(rates),
        disabled=not rates,
        key="cost.measured",
        help="Distinct experts follow from the load that this run measured, not from an even one.",
    )
    return Routing(run.id, rates) if wanted and rates else None
