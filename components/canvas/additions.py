"""Adding, moving and taking away parts: acts of the hand as edits of the design."""

from typing import Any

from core.design.edit import Duplicate, Edit, Insert, Move, Remove
from core.design.pointer import PointerError, get, parent, steps
from core.design.spec import Design

PALETTE = [
    {
        "title": "Add below",
        "items": [
            {"what": "attention", "name": "Attention", "glyph": "attention", "key": "A"},
            {"what": "dense", "name": "Dense FFN", "glyph": "dense", "key": "F"},
            {"what": "moe", "name": "MoE layer", "glyph": "moe", "key": "M"},
            {"what": "layer", "name": "Whole layer", "glyph": "layer", "key": ""},
        ],
    },
    {
        "title": "Add to the layer",
        "items": [
            {"what": "expert_group", "name": "Expert group", "glyph": "expert", "key": "E"},
            {"what": "shared_expert", "name": "Shared expert", "glyph": "shared", "key": "S"},
        ],
    },
]
NAMES = {item["what"]: item["name"] for group in PALETTE for item in group["items"]}  # type: ignore[index]


def part_at(design: Design, target: str) -> str:
    """The pointer of the part that `target` is or lies in; the last part of the design if it lies in none."""
    parts = [placed.pointer for placed in design.parts()]
    for pointer in parts:
        if target == pointer or target.startswith(pointer + "/"):
            return pointer
    within = [pointer for pointer in parts if target and pointer.startswith(target + "/")]
    return within[-1] if within else parts[-1]


def moe_at(design: Design, target: str) -> str | None:
    """The MoE part at `target`, else the nearest one above, else the first one."""
    here = part_at(design, target)
    parts = list(design.parts())
    at = next(i for i, placed in enumerate(parts) if placed.pointer == here)
    nearest = [*reversed(parts[: at + 1]), *parts[at + 1 :]]
    return next((placed.pointer for placed in nearest if placed.part.body.kind == "moe"), None)


def addition(design: Design, what: str, target: str) -> tuple[Edit, str] | None:
    """The edit that adds `what` near `target`, and the pointer of the new part; None without a place."""
    if what in ("expert_group", "shared_expert"):
        return _expert(design, what, target)
    if what not in NAMES:
        return None
    here = part_at(design, target)
    label = f"Add {NAMES[what].lower() if what in ('attention', 'layer') else NAMES[what]}"
    if what == "layer":
        pattern, index = here.rsplit("/parts/", 1)[0].rsplit("/", 1)
        at = int(index) + 1
        value: Any = {"parts": [_part(design, "attention"), _part(design, "moe")]}
        return Insert(path=pattern, index=at, value=value, label="Add a layer"), f"{pattern}/{at}/parts/1"
    parts, index = here.rsplit("/", 1)
    at = int(index) + 1
    return Insert(path=parts, index=at, value=_part(design, what), label=label), f"{parts}/{at}"


def _expert(design: Design, what: str, target: str) -> tuple[Edit, str] | None:
    moe = moe_at(design, target)
    if moe is None:
        return None
    body = get(design.model_dump(mode="json"), f"{moe}/body")
    where = "experts" if what == "expert_group" else "shared"
    groups = body[where]
    like = dict((groups or body["experts"])[-1])
    chosen = target.removeprefix(f"{moe}/body/{where}/").split("/")[0]
    at = int(chosen) + 1 if groups and chosen.isdecimal() and int(chosen) < len(groups) else len(groups)
    if at and groups:
        like = dict(groups[at - 1])
    like["count"] = 1
    path = f"{moe}/body/{where}"
    return Insert(path=path, index=at, value=like, label=f"Add {NAMES[what].lower()}"), f"{path}/{at}"


def _part(design: Design, what: str) -> dict[str, Any]:
    """A new part like the first of its kind in the design, else one of ordinary proportions."""
    document = design.model_dump(mode="json")
    for placed in design.parts():
        if placed.part.body.kind == what:
            like = get(document, placed.pointer)
            # Where it reads and joins belongs to its own layer.
            return {"body": like["body"], "norm": like["norm"]}
    width = design.width
    if what == "attention":
        heads = next(h for h in (8, 4, 2, 1) if width % (2 * h) == 0 or h == 1)
        rope: dict[str, Any] | None = (
            {} if width % (2 * heads) == 0 and design.task.kind == "language_model" else None
        )
        return {"body": {"kind": "attention", "heads": heads, "kv_heads": heads, "rope": rope}}
    if what == "dense":
        return {"body": {"kind": "dense", "expert": {"kind": "glu", "hidden": 4 * width}}}
    return {
        "body": {
            "kind": "moe",
            "experts": [{"kind": "glu", "count": 8, "hidden": 2 * width}],
            "router": {
                "score": {"kind": "linear"},
                "select": {"kind": "top_k", "k": 2},
                "weigh": {"kind": "renormalised"},
                "combine": {"kind": "output_mix"},
            },
            "balance": [{"kind": "load_balance", "coefficient": 0.01}],
        }
    }


def entry_at(target: str) -> str:
    """The list entry that `target` stands for: an expert group, a shared expert, a part or a repeat."""
    keys = steps(target)
    while keys and not keys[-1].isdecimal():
        keys.pop()
    return "".join(f"/{key}" for key in keys)


def removal(design: Design, target: str) -> Edit | str:
    """The edit that takes away what `target` stands for, emptied holders with it; or why it cannot be."""
    entry = entry_at(target)
    if not entry:
        return "The ends of a design cannot be removed; its layers can."
    document = design.model_dump(mode="json")
    try:
        while True:
            holder, _ = parent(document, entry)
            optional = entry.rsplit("/", 2)[1] in ("shared", "balance", "modifiers")
            if not isinstance(holder, list) or len(holder) > 1 or optional:
                return Remove(path=entry, label="Remove")
            outer = entry_at(entry.rsplit("/", 1)[0])
            if not outer or outer.count("/") < 4:
                return "This is the only layer left. Add another one before you remove it."
            entry = outer
    except PointerError:
        return "Nothing stands here any more."


def duplication(target: str) -> tuple[Edit, str] | None:
    """The edit that repeats what `target` stands for, and the pointer of the copy."""
    entry = entry_at(target)
    if not entry:
        return None
    holder, index = entry.rsplit("/", 1)
    return Duplicate(path=entry, label="Duplicate"), f"{holder}/{int(index) + 1}"


def shift(design: Design, target: str, by: int) -> tuple[Edit, str] | None:
    """The edit that moves what `target` stands for up or down its list, and where it is then."""
    entry = entry_at(target)
    if not entry:
        return None
    holder, index = entry.rsplit("/", 1)
    to = int(index) + by
    try:
        siblings = get(design.model_dump(mode="json"), holder)
    except PointerError:
        return None
    if not 0 <= to < len(siblings):
        return None
    return Move(path=entry, to=to, label="Move up" if by < 0 else "Move down"), f"{holder}/{to}"
