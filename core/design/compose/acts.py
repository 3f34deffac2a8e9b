"""One door for everything the hand does to a design, by name."""

from __future__ import annotations

from collections.abc import Sequence

from core.design.compose import experts, lists, parts, repeats
from core.design.compose.clip import Clip, copied, paste
from core.design.compose.sketch import Done
from core.design.pointer import PointerError
from core.design.presets.methods import UnknownMethodError, method_edit
from core.design.spec import Design

#: What `act` knows; `copied` is the one act that changes nothing.
ACTS = (
    "add",
    "delete",
    "duplicate",
    "move",
    "put",
    "cut",
    "paste",
    "resize",
    "count",
    "repeat",
    "gather",
    "unroll",
    "method",
)
_EMPTY_CLIP = "Nothing was copied yet. To fix this, choose parts and copy them."


def act(
    design: Design,
    name: str,
    targets: Sequence[str] = (),
    *,
    place: str = "",
    what: str = "",
    by: int = 0,
    number: int = 0,
    width: int = 0,
    alone: bool = False,
    clip: Clip | None = None,
) -> Done | str:
    """What the act `name` of ACTS makes of a design, or a sentence on why it cannot be.

    Fields mean what the acts of the drawing mean by them. Raises ValueError for another name.
    """
    target = targets[0] if targets else ""
    match name:
        case "add":
            return parts.add(design, what, target, place)
        case "delete":
            return lists.delete(design, targets)
        case "duplicate":
            return lists.duplicate(design, targets)
        case "move":
            return lists.move(design, targets, by)
        case "put":
            return lists.put(design, targets, place)
        case "cut":
            return _cut(design, targets)
        case "paste":
            return paste(design, clip, target, place) if clip else _EMPTY_CLIP
        case "resize":
            return experts.resize(design, target, number, width, alone=alone)
        case "count":
            return experts.count(design, target, by)
        case "repeat":
            return repeats.turn(design, target, by)
        case "gather":
            return repeats.gather(design, targets)
        case "unroll":
            return repeats.unroll(design, target)
        case "method":
            return _method(design, target, what)
    raise ValueError(f"{name!r} is no act")


def _cut(design: Design, targets: Sequence[str]) -> Done | str:
    clip = copied(design, targets)
    if isinstance(clip, str):
        return clip
    done = lists.delete(design, targets)
    if isinstance(done, str) or done.edit is None:
        return done
    edit = done.edit.model_copy(update={"label": done.edit.label.replace("Remove", "Cut", 1)})
    return Done(edit, done.select, done.note, done.moved)


def _method(design: Design, target: str, what: str) -> Done | str:
    moe = parts.moe_at(design, target)
    if moe is None:
        return "There is no MoE layer to route. To fix this, add one first."
    try:
        edit = method_edit(design, moe, what)
    except (UnknownMethodError, PointerError) as error:
        return str(error)
    same = {placed.pointer: placed.pointer for placed in design.parts()}
    return Done(edit, target if target == f"{moe}/body/router" else moe, moved=same)
