"""Designs in short words, so that a test can show all of what an act made.

A repeat is `(times, layer, ...)`, a layer is a text such as `"a1 m8"`: attention with window 1 and an MoE
layer whose experts are 8 wide (`d` is a dense FFN). A number after `@` is the part that one reads.
"""

from __future__ import annotations

from typing import Any

from core.design.compose.sketch import Done
from core.design.edits import apply
from core.design.spec import Design


def moe(*experts: tuple[int, int], shared: tuple[tuple[int, int], ...] = (), k: int = 1) -> dict[str, Any]:
    """An MoE body of groups `(count, hidden)`."""

    def groups(pairs: Any) -> list[dict[str, Any]]:
        return [{"kind": "glu", "count": count, "hidden": hidden} for count, hidden in pairs]

    return {
        "kind": "moe",
        "experts": groups(experts),
        "shared": groups(shared),
        "router": {
            "score": {"kind": "linear"},
            "select": {"kind": "top_k", "k": k},
            "weigh": {"kind": "renormalised"},
            "combine": {"kind": "output_mix"},
        },
    }


def _part(word: str) -> dict[str, Any]:
    word, _, reads = word.partition("@")
    number = int(word[1:])
    bodies = {
        "a": {"kind": "attention", "heads": 2, "kv_heads": 2, "window": number},
        "d": {"kind": "dense", "expert": {"kind": "glu", "hidden": number}},
        "m": moe((4, number)),
    }
    return {"body": bodies[word[0]], **({"reads": int(reads)} if reads else {})}


def design(*repeats: tuple[Any, ...]) -> Design:
    """A language model of these repeats."""
    layers = [
        {
            "times": times,
            "pattern": [{"parts": [_part(word) for word in layer.split()]} for layer in pattern],
        }
        for times, *pattern in repeats
    ]
    return Design.model_validate(
        {"width": 16, "task": {"kind": "language_model", "context": 8}, "stacks": [{"layers": layers}]}
    )


def routed(body: dict[str, Any]) -> Design:
    """One layer with one MoE part."""
    base = design((1, "m8")).model_dump(mode="json")
    base["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"] = body
    return Design.model_validate(base)


def shape(made: Design) -> list[tuple[Any, ...]]:
    """The repeats of a design in the words of `design`."""
    return [
        (repeat.times, *(" ".join(map(_word, layer.parts)) for layer in repeat.pattern))
        for repeat in made.stacks[0].layers
    ]


def _word(part: Any) -> str:
    body = part.body
    number = {
        "attention": lambda: body.window,
        "dense": lambda: body.expert.hidden,
        "moe": lambda: body.experts[0].hidden,
    }[body.kind]()
    reads = f"@{part.reads}" if isinstance(part.reads, int) else ""
    return f"{body.kind[0]}{number}{reads}"


def groups(made: Design, where: str = "experts") -> list[tuple[int, int]]:
    """The groups of the only MoE layer."""
    body: Any = made.stacks[0].layers[0].pattern[0].parts[0].body
    return [(group.count, group.inner) for group in getattr(body, where)]


def after(start: Design, done: Done | str) -> Design:
    """What an act made of a design."""
    assert isinstance(done, Done), done
    if done.edit is None:
        return start
    made = apply(start, done.edit)
    assert isinstance(made, Design), made
    return made


def r(repeat: int, layer: int | None = None, part: int | None = None) -> str:
    """The pointer of a repeat, a layer or a part of the only stack."""
    pointer = f"/stacks/0/layers/{repeat}"
    if layer is not None:
        pointer += f"/pattern/{layer}"
    return pointer if part is None else f"{pointer}/parts/{part}"
