"""How long and how: the plan of a run."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import ValidationError

from components import page
from core.design.facts import DataFacts
from core.design.mistakes import fault
from core.design.plan import OBJECTIVE, Objective, Plan
from core.design.planned import objective_fault
from core.design.spec import Design

_TAKEN = {"everything": "Everything", "routers": "The routers alone"}
_JSON = ("true", "false", "null")
_EXECUTIONS = """All compute the same but for rounding.
- **auto**: what is timed as fastest on this machine, layer by layer
- **sparse**: one of the next four, by a rule
- **ragged**: expert by expert
- **grouped**: all experts in one call
- **numpy**: expert by expert in NumPy, on one thread
- **compiled**: the same in C, on all threads of the plan; without a C compiler one of the others
- **reference**: every expert for every token, slow"""


@dataclass(frozen=True)
class Offer:
    """What the plan's choices depend on. starts: runs to begin from, by id, with what to call them."""

    design: Design
    facts: DataFacts | None
    starts: dict[str, str]


def choose(suited: Plan, data: str, scope: str, offer: Offer) -> Plan | None:
    """The card with length, seed and the rest of the plan; None, and why, where the values do not fit.

    `scope` names the design the defaults are of: another design starts from its own.
    """

    def key(name: str) -> str:
        return f"train.plan.{scope}.{name}"

    with page.card():
        unit = st.segmented_control(
            "Train for", ["Steps", "Seconds"], default="Steps", required=True, key=key("unit")
        )
        length, seed = st.columns(2, gap="small")
        with length:
            if unit == "Steps":
                steps = st.number_input("Steps", 1, 10_000_000, suited.steps or 500, 100, key=key("steps"))
                values: dict[str, Any] = {"steps": steps, "seconds": None}
            else:
                seconds = st.number_input("Seconds", 1, 604_800, 120, 30, key=key("seconds"))
                values = {"steps": None, "seconds": float(seconds)}
        with seed:
            values["seed"] = st.number_input("Seed", 0, 2**31 - 1, suited.seed, key=key("seed"))
        if unit == "Seconds":
            st.caption("The first steps are timed; the budget becomes a number of steps.")
        values |= _objective(suited.objective, offer, key)
        values |= _start(offer, key)
        with st.expander("More of the plan"):
            values |= _more(suited, key)
    try:
        return Plan.model_validate(suited.model_dump() | values | {"data": data})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        page.problems([("error", f"The plan's {place} cannot be that: {fault(first)}.", "")])
        return None


def _start(offer: Offer, key: Any) -> dict[str, Any]:
    """Where the weights come from."""
    if not offer.starts:
        st.caption(
            "It begins with random weights. No run has weights of this shape yet; once this design has"
            " trained, others can go on from it."
        )
        return {}
    run = st.selectbox(
        "Begin with",
        [None, *offer.starts],
        format_func=lambda run: offer.starts[run] if run else "Random weights",
        key=key("start"),
        help="Weights of a run of the same design but for its routers",
    )
    if not run:
        return {"start_from": None}
    taken = st.segmented_control(
        "Take over",
        list(_TAKEN),
        default="everything",
        required=True,
        format_func=lambda taken: _TAKEN[taken],
        key=key("taken"),
        help="With the routers alone, experts begin anew on the routes that were learned",
    )
    return {"start_from": run, "start_with": taken}


def _objective(usual: Objective, offer: Offer, key: Any) -> dict[str, Any]:
    """What is minimised, where the design and the data leave a choice."""
    kinds = {}
    for kind, member in OBJECTIVE.members.items():
        made = member.model_validate({"kind": kind})
        if isinstance(made, Objective) and not objective_fault(made, offer.design, offer.facts):
            kinds[kind] = made
    names = list(kinds)
    expected = usual.kind if usual.kind in kinds else names[0]
    kind = expected
    if len(names) > 1:
        kind = st.selectbox(
            "Objective",
            names,
            index=names.index(expected),
            format_func=lambda kind: kind.replace("_", " ").capitalize(),
            key=key("objective"),
        )
    if expected != Plan().objective.kind:
        st.caption(f"This design's routing is usually trained with {expected.replace('_', ' ')}.")
    values: dict[str, Any] = {"kind": kind}
    for name, default in kinds[kind].model_dump(exclude={"kind"}).items():
        label = name.replace("_", " ").capitalize()
        about = type(kinds[kind]).model_fields[name].description
        values[name] = st.number_input(
            label, value=float(default), step=1.0, format="%g", key=key(f"{kind}.{name}"), help=about
        )
    return {"objective": values}


def _more(suited: Plan, key: Any) -> dict[str, Any]:
    """What most people leave as it is."""
    a, b = st.columns(2, gap="small")
    optimizer = suited.optimizer.model_dump()
    with a:
        batch = st.number_input("Examples a step", 1, 65_536, suited.batch, key=key("batch"))
        rate = st.number_input(
            "Peak learning rate", 1e-6, 10.0, suited.optimizer.rate, 1e-3, format="%g", key=key("rate")
        )
        decay = st.number_input(
            "Weight decay", 0.0, 10.0, suited.optimizer.weight_decay, 0.05, format="%g", key=key("decay")
        )
        execution = st.selectbox(
            "Execution of experts",
            ["auto", "sparse", "ragged", "grouped", "numpy", "compiled", "reference"],
            help=_EXECUTIONS,
            key=key("execution"),
        )
        expert_dtype = st.selectbox(
            "Products of experts in",
            ["float32", "bfloat16", "auto"],
            help="auto: bfloat16 where this processor trains clearly faster with it. Weights stay float32.",
            key=key("expert_dtype"),
        )
    with b:
        every = st.number_input(
            "Evaluate every, steps", 1, 1_000_000, suited.evaluate_every, 50, key=key("evaluate")
        )
        warmup = st.number_input(
            "Warm-up, share of steps", 0.0, 1.0, suited.optimizer.warmup, 0.01, format="%g", key=key("warmup")
        )
        clip = st.number_input(
            "Clip gradient norm at", 0.0, 1e6, suited.optimizer.clip, 0.5, format="%g", key=key("clip")
        )
        kept = st.number_input(
            "Checkpoint every, steps", 1, 1_000_000, suited.checkpoint_every, 50, key=key("checkpoint")
        )
    return {
        "batch": batch,
        "execution": execution,
        "expert_dtype": expert_dtype,
        "evaluate_every": every,
        "checkpoint_every": kept,
        "optimizer": optimizer | {"rate": rate, "warmup": warmup, "weight_decay": decay, "clip": clip},
    }


def arguments(plan: Plan, known: Plan) -> str:
    """The plan as arguments of `python -m app train`, which begins with the plan `known`."""
    parts = [f"--data {shlex.quote(plan.data)}"]
    parts.append(f"--steps {plan.steps}" if plan.steps is not None else f"--seconds {plan.seconds:g}")
    parts.append(f"--seed {plan.seed}")
    said = {"data", "steps", "seconds", "seed"}
    before, after = (each.model_dump(mode="json", exclude=said) for each in (known, plan))
    changed = _differences(before, after, "plan")
    return " ".join([*parts, *(f"--set {shlex.quote(f'{name}={value}')}" for name, value in changed)])


def _differences(before: dict[str, Any], after: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Each value that is another, by its dotted name, as JSON."""
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and value.keys() == old.keys():
            yield from _differences(old, value, f"{name}.{key}")
        elif value != old:
            # Words are taken as they are; only what would be read as JSON needs its quotes.
            plain = isinstance(value, str) and re.fullmatch(r"[a-z][a-z_-]*", value) and value not in _JSON
            yield f"{name}.{key}", value if plain else json.dumps(value)
