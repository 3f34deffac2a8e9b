"""Where a selection stands: its name, and the way back up to the whole design."""

from typing import NamedTuple

from components.words import humanise
from core.design.bodies.base import Body
from core.design.bodies.moe import Moe
from core.design.pointer import steps
from core.design.spec import Design

#: Steps of a pointer down to a repeat, a layer and a part.
REPEAT, LAYER, PART = 4, 6, 8
_ENDS = {"/task": "Task", "/embedding": "Embedding and head", "/task/heads": "Output heads"}
_BELOW = {"router": "Router", "experts": "Expert group", "shared": "Shared expert", "balance": "Balancing"}


class Step(NamedTuple):
    """One name of the way down, and what it selects."""

    name: str
    target: str


class Place(NamedTuple):
    """The way from the whole design to a selection, without it, and its own name."""

    above: tuple[Step, ...]
    name: str


def cut(target: str, depth: int) -> str:
    """The first `depth` steps of a pointer, empty where it has fewer."""
    keys = steps(target)
    return "/" + "/".join(keys[:depth]) if len(keys) >= depth else ""


def place(design: Design, target: str) -> Place:
    """Design › Layers 1–3 › MoE layer, and Router."""
    top = (Step("Design", ""),)
    if target in _ENDS:
        return Place(top, _ENDS[target])
    repeat = cut(target, REPEAT)
    if not target.startswith("/stacks/") or not repeat:
        return Place((), "Whole design")
    layers = Step(_layers(design, target), repeat)
    part = cut(target, PART)
    if not part:
        return Place(top, layers.name)
    body = body_at(design, part)
    kind = Step(humanise(body.kind) if body is not None else "Part", part)
    below = target.removeprefix(f"{part}/body").strip("/").split("/")
    if target == part or below == [""]:
        return Place((*top, layers), kind.name)
    name = "Combine" if below[-1] == "combine" else _BELOW.get(below[0], humanise(below[0]))
    return Place((*top, layers, kind), name)


def body_at(design: Design, part: str) -> Body | None:
    """The body of the part at a pointer, or nothing."""
    return next((placed.part.body for placed in design.parts() if placed.pointer == part), None)


def moe_at(design: Design, target: str) -> tuple[str, Moe] | None:
    """The MoE layer that `target` is or lies in: its part's pointer, and its body."""
    part = cut(target, PART)
    body = body_at(design, part) if part else None
    return (part, body) if isinstance(body, Moe) else None


def _layers(design: Design, target: str) -> str:
    keys = steps(target)
    repeats = design.stacks[int(keys[1])].layers
    first = 1 + sum(repeat.layers for repeat in repeats[: int(keys[3])])
    here = repeats[int(keys[3])]
    if len(keys) > 5 and here.times == 1:
        return f"Layer {first + int(keys[5])}"
    last = first + here.layers - 1
    return f"Layers {first}–{last}" if last > first else f"Layer {first}"
