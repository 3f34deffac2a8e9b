"""What can be put into a design from the list beside the drawing, and from the command palette.

`type` and `what` are those of the act that an item does. Items that are not `shown` are found by name, or in
their family once the whole group is opened.
"""

from functools import cache
from typing import Any

from core.design.compose.parts import NAMES
from core.design.presets.methods import methods
from core.design.presets.registry import PRESETS, preset

_PARTS = {
    "attention": ("attention", "A", "Tokens look at each other"),
    "dense": ("dense", "F", "One FFN that every token visits"),
    "moe": ("moe", "M", "A router and experts, some of them for each token"),
    "layer": ("layer", "", "Attention and an MoE layer"),
    "expert_group": ("expert", "E", "More experts for the nearest MoE layer"),
    "shared_expert": ("shared", "S", "An expert that every token visits"),
}
#: The methods that most people look for, and designs to begin with.
_KNOWN = (
    "top-k",
    "noisy-top-k",
    "switch",
    "deepseek-moe",
    "deepseek-v3",
    "loss-free",
    "expert-choice",
    "soft-moe",
)
#: What the methods of a module of core.design.presets.routing have in common.
_FAMILIES = {
    "choice": "Best k experts",
    "fine": "Fine or unequal experts",
    "soft": "Soft or balanced",
    "given": "By task, table or chance",
}
_FIRST = ("blank", "starter", "fine-grained")


@cache
def palette() -> list[dict[str, Any]]:
    """Groups of items; the vocabulary does not change while the studio runs."""
    parts = [
        _item("add", what, NAMES[what], glyph, help_, key=key) for what, (glyph, key, help_) in _PARTS.items()
    ]
    routing = [
        _item("method", m.name, m.title, "router", f"{m.summary} {m.source}", shown=m.name in _KNOWN)
        | {"family": _FAMILIES[m.write.__module__.rpartition(".")[2]]}
        for m in methods()
    ]
    starters = [
        _item("start", p.name, preset(p.name).name, "layer", p.title, shown=p.name in _FIRST)
        for p in sorted(PRESETS, key=lambda p: p.name != "blank")
    ]
    return [
        {"title": "Parts", "items": parts},
        {"title": "Methods", "items": routing},
        {"title": "Starters", "items": starters},
    ]


def _item(
    act: str, what: str, name: str, glyph: str, about: str, *, key: str = "", shown: bool = True
) -> dict[str, Any]:
    item = {"type": act, "what": what, "name": name, "glyph": glyph, "key": key, "help": about}
    return {**item, "shown": shown}
