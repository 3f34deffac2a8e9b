"""Small designs that experiments begin with, besides the presets. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from core.claims.errors import ClaimError
from core.design.edits import apply
from core.design.facts import DataFacts
from core.design.match import match_task, task_for
from core.design.presets.pieces import JSON, glu, layer, moe, repeat, router
from core.design.presets.registry import names, preset
from core.design.spec import Design

WIDTH, EXPERTS, HIDDEN = 32, 8, 32
_NORM = {"kind": "layer", "epsilon": 1e-5, "bias": True}


def net(task: JSON) -> JSON:
    """Linear, norm, an MoE layer of 8 experts with 32 neurons, linear: trains in seconds."""
    bank = moe([glu(HIDDEN, EXPERTS)], router(2))
    stack = {"name": "encoder", "causal": False, "layers": [repeat(1, layer(bank))]}
    return {"name": "Reference net", "width": WIDTH, "task": task, "norm": _NORM, "stacks": [stack]}


#: Name -> the design around a task that fits the data.
BASES: dict[str, Callable[[JSON], JSON]] = {"net": net}


def base(name: str, facts: DataFacts) -> Design:
    """A base design with the task that fits a data set. Raises ClaimError with the nearest name."""
    if name in names():
        design = preset(name)
        edit = match_task(design, facts)
        matched = apply(design, edit) if edit else design
        if not isinstance(matched, Design):
            raise ClaimError(f"{name} cannot be matched to {facts.name}: {matched}")
        return matched
    if name not in BASES:
        known = [*BASES, *names()]
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ClaimError(
            f"No design to begin with is named {name[:60]!r}.{hint} To fix this, use a preset or one of:"
            f" {', '.join(BASES)}."
        )
    return Design.model_validate(BASES[name](_task(facts)))


def _task(facts: DataFacts) -> JSON:
    """The task of a data set: images as patches of 2 px, or of single pixels where they are small."""
    return task_for(preset("digits-vit" if facts.kind == "image" else "starter"), facts)
