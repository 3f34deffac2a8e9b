"""What an arm of an experiment sets, in words instead of addresses and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.words import plural
from core.cost.format import DASH
from core.design.saying import word
from core.papers.base import Arm

#: What the last name of an address is called where taking its underscores away is not enough.
_CALLED = {
    "factor": "capacity factor",
    "k": "experts per token",
    "p": "share of probability",
    "per_token": "experts per token",
    "rows": "experts of each task",
    "select": "selection",
    "start_with": "takes over",
    "uncertain": "rule for uncertain tokens",
    "weigh": "weights",
}
#: Numbers that need no name behind the word for what they belong to.
_SILENT = ("coefficient", "value", "k")


def shared(arms: Sequence[Arm]) -> dict[str, object]:
    """What all arms set alike."""
    first, *others = (arm.sets for arm in arms)
    return {
        name: value
        for name, value in first.items()
        if all(name in sets and sets[name] == value for sets in others)
    }


def changes(sets: Mapping[str, object], among: Sequence[Arm] = ()) -> str:
    """`no capacity; load balance 0.1`: what is set after a method.

    Beside other arms, what they all set alike is left out, and what few of them do comes first.
    """

    def alike(name: str) -> int:
        return sum(name in arm.sets and arm.sets[name] == sets[name] for arm in among)

    own = sorted((name for name in sets if not among or alike(name) < len(among)), key=alike)
    return "; ".join(_change(name.rpartition("/")[2], sets[name]) for name in own) or DASH


def _change(name: str, value: Any) -> str:
    name = name.removeprefix("plan.")
    called = _CALLED.get(name, word(name))
    if value is None or value == []:
        return f"no {called}"
    if name == "experts":
        return " and ".join(_group(group) for group in value)
    if name == "scope":
        return f"one decision for each {value}"
    if name == "islands":
        return plural(value, "island")
    plain = isinstance(value, int | float) or (isinstance(value, dict) and "start" in value)
    return f"{called} {_text(value)}" if plain else f"{called}: {_text(value)}"


def _group(group: dict[str, Any]) -> str:
    rank = f", rank {group['rank']}" if "rank" in group else ""
    return f"{plural(group['count'], 'expert')} of width {group['hidden']}, {word(group['kind'])}{rank}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str):
        return word(value)
    if isinstance(value, list):
        joined = " and " if any(isinstance(item, dict) for item in value) else ", "
        return joined.join(map(_text, value))
    if "start" in value and "end" in value:
        return f"{word(value['kind'])} from {_text(value['start'])} to {_text(value['end'])}"
    if "kind" not in value:
        lists = any(isinstance(inner, list) for inner in value.values())
        return (" / " if lists else ", ").join(_entry(name, inner) for name, inner in value.items())
    first = [_text(inner) for name, inner in value.items() if name in _SILENT]
    rest = [_entry(name, inner) for name, inner in value.items() if name not in ("kind", *_SILENT)]
    return " ".join([word(value["kind"]), *first, *([f"({', '.join(rest)})"] if rest else [])])


def _entry(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name} {_text(value)}"
    return f"{_CALLED.get(name, word(name))} {_text(value)}"
