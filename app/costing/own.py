"""Devices that a user described, this machine, and two timings that sharpen every figure of a stack."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import streamlit as st

from app.costing.findings import listed
from app.costing.question import Question, Stack
from components import page
from core.cost.asking import RefusedError, scenario
from core.cost.count import count
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.sharpen import Timing, sharpen
from core.design.spec import Design

_OWN, _STACK = "cost.own", "cost.sharpened"
_PREFIX = "own:"
_PROBE = ("-m", "app", "probe", "--json")
_PROBE_SECONDS = 120
#: The target that the next run of the page puts first.
NEXT = "cost.targets.next"


def processors() -> dict[str, dict[str, Any]]:
    """Rows of the session's own devices by name."""
    found: dict[str, dict[str, Any]] = st.session_state.setdefault(_OWN, {})
    return found


def processor(name: str) -> Processor:
    """A device of the table, of this session, or this machine, which is timed at first."""
    if name in processors():
        return registry.own(processors()[name])
    with st.spinner("Timing this machine", show_time=False) if name == "this-cpu" else st.container():
        found = registry.device(name)
    assert isinstance(found, Processor)
    return found


def title_of(name: str) -> str:
    """The name on the page; this machine is not timed for it."""
    if name in processors():
        return str(processors()[name]["title"])
    return "This CPU, timed briefly" if name == "this-cpu" else registry.device(name).title


@st.dialog("Describe a device")
def describe() -> None:
    """A form, or a measurement; what makes no sense is said and nothing is lost."""
    st.caption("Dense peaks of the data sheet, without structured sparsity.")
    title = st.text_input("Name", "My device", max_chars=40)
    left, right = st.columns(2)
    with left:
        memory = st.number_input("Memory, GB", 0.0, 1e5, 24.0)
        bf16 = st.number_input("bf16, TFLOP/s", 0.0, 1e5, 100.0)
        link = st.number_input("Link to others, GB/s one way", 0.0, 1e5, 0.0)
    with right:
        bandwidth = st.number_input("Memory bandwidth, GB/s", 0.0, 1e6, 1000.0)
        fp8 = st.number_input("fp8, TFLOP/s (0: none)", 0.0, 1e5, 0.0)
        power = st.number_input("Rated power, W", 0.0, 1e5, 300.0)
    row = {
        "id": _PREFIX + title.strip().lower().replace(" ", "-"),
        "title": title.strip() or "My device",
        "memory_gb": memory,
        "bandwidth_gbs": bandwidth,
        "peak_tflops": {name: value for name, value in (("bf16", bf16), ("fp8", fp8)) if value},
        "link_gbs": link,
        "power_w": power,
    }
    with st.container(horizontal=True, gap="small"):
        typed = st.button(page.primary("Add"), type="primary")
        measured = st.button(
            "Measure this machine, 10 s",
            icon=":material/speed:",
            help="Times products, copies and the launch of an operator with PyTorch, in a process beside.",
        )
    if typed and (lacking := _lacking(memory, bandwidth, bf16)):
        page.problems([("error", lacking, "")])
    elif typed:
        _add(row)
    elif measured:
        with st.spinner("Measuring this machine", show_time=True):
            found = _probed()
        if isinstance(found, str):
            page.problems([("error", found, "")])
        else:
            _add({**found, "id": f"{_PREFIX}this-machine", "title": f"This machine, {found['title']}"})


def _lacking(memory: float, bandwidth: float, bf16: float) -> str:
    """What a device cannot do without; empty where it has all of it."""
    named = {"Memory": memory, "Memory bandwidth": bandwidth, "bf16": bf16}
    zero = [name for name, value in named.items() if not value]
    if not zero:
        return ""
    return f"{listed(zero)}: 0 makes no device. To fix this, type a number above zero."


def _add(row: dict[str, Any]) -> None:
    """A device of this session, the first of the targets."""
    try:
        registry.own(row)
    except ValueError as error:
        page.problems([("error", str(error), "")])
        return
    name = str(row["id"])
    processors()[name] = row
    st.session_state[NEXT] = name
    st.rerun()


def _probed() -> dict[str, Any] | str:
    """What `python -m app probe` measures, or why it could not."""
    try:
        done = subprocess.run(
            [sys.executable, *_PROBE], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return (
            f"This machine could not be measured: {error}. To fix this, run python -m app probe and read what"
            " it says."
        )
    return found


def stack() -> Stack | None:
    """The user's own constants, once two timings were given."""
    found: Stack | None = st.session_state.get(_STACK)
    return found


@st.dialog("Calibrate to your stack")
def calibrate(design: Design, on: Processor, question: Question) -> None:
    """Two decode timings of this design on a device."""
    st.markdown(
        f"Time one decode step of this design on **{page.plain(on.title)}** at two batches, context"
        f" {question.context}, {question.weights}. Every figure of the device then follows your stack."
    )
    left, right = st.columns(2)
    with left:
        first = st.number_input("First batch", 1, 4096, 1)
        one = st.number_input("Milliseconds a step", 0.001, 1e6, None, key="cost.calibrate.one")
    with right:
        second = st.number_input("Second batch", 1, 4096, 32)
        two = st.number_input("Milliseconds a step", 0.001, 1e6, None, key="cost.calibrate.two")
    missing = one is None or two is None
    if st.button(page.primary("Use these"), type="primary", disabled=missing) and one and two:
        try:
            load = scenario(design, replace(question, phase="decode").asked, on.compute, on=on)
            timings = (Timing(int(first), one / 1e3), Timing(int(second), two / 1e3))
            found = sharpen(count(design), load, on, timings)
        except (RefusedError, ValueError) as error:
            page.problems([("error", str(error), "")])
            return
        name = f"{on.name} {first}:{one} {second}:{two} {question.context} {question.weights} {design.sha}"
        st.session_state[_STACK] = Stack(name, on.name, found.constants)
        st.rerun()


def calibrated(on: Processor) -> None:
    """What holds now, and the way back."""
    known = stack()
    if known is None or known.device != on.name:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        page.small(f"Figures of {on.title} follow your two timings.")
        st.button("Back to published timings", type="tertiary", on_click=_forget, key="cost.forget")


def _forget() -> None:
    st.session_state.pop(_STACK, None)
