"""Pieces of a design in a few words: fields, values, parts, groups of experts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from itertools import groupby
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.design.bodies.base import Body
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert
from core.design.routing.select.group_top_k import GroupTopK
from core.design.routing.select.top_k import TopK
from core.design.schedule import Schedule
from core.design.structure import Layer

THIN = "\u2009"

#: What fields are called where taking the underscores away is not enough; a class's own field first.
_FIELDS = {
    "Capacity.eval": "in evaluation",
    "Capacity.train": "in training",
    "Design.width": "model width",
    "Expert.hidden": "hidden width",
    "Part.reads": "reads",
    "Part.scale": "output scale",
    "PartNorm.joined": "norm of what joins",
    "PartNorm.post": "norm after it",
    "PartNorm.pre": "norm before it",
    "dt_rank": "time-step rank",
    "k": "experts per token",
    "kv_heads": "KV heads",
    "kv_rank": "KV rank",
    "nope": "head width without position",
    "q_rank": "query rank",
    "qk_norm": "query and key norm",
    "rope": "rotary positions",
    "select": "router",
    "softcap": "soft cap",
}
#: Containers whose fields need no name before them.
_SILENT = ("body", "router", "select", "expert", "norm", "task", "embedding")
_VALUES = {
    "dense": "dense FFN",
    "gated_delta": "Gated DeltaNet",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
    "glu": "gated",
    "glu_lowrank": "gated, low rank",
    "kda": "Kimi delta attention",
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "mla": "latent attention",
    "mlp": "two matrices",
    "moe": "MoE layer",
    "param_penalty": "parameter penalty",
    "relu": "ReLU",
    "relu2": "squared ReLU",
    "rms": "RMS norm",
    "layer": "layer norm",
    "silu": "SiLU",
    "top_k": "top-k",
    "top_p": "top-p",
    "z_loss": "z-loss",
}


def plural(count: int, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number(count)} {noun if count == 1 else noun + 's'}"


def number(value: float) -> str:
    """All digits, grouped by thin spaces: two numbers that differ look different."""
    if isinstance(value, float) and not (value.is_integer() and abs(value) < 1e15):
        return repr(value)
    return f"{int(value):,}".replace(",", THIN)


def called(owner: type[BaseModel], name: str, prefix: str = "") -> str:
    """A field of a spec, after what holds it: `KV heads`, `capacity in training`."""
    own = (f"{base.__name__}.{name}" for base in owner.__mro__)
    word = next((_FIELDS[key] for key in own if key in _FIELDS), None)
    word = word or _FIELDS.get(name, name.replace("_", " "))
    return f"{prefix} {word}".strip()


def inside(name: str, word: str) -> str:
    """The prefix for the fields of what the field `name`, called `word`, holds."""
    return "" if name in _SILENT else word


def value(content: Any, info: FieldInfo) -> str:
    """A value as a reader writes it, with its unit where the number needs one."""
    unit = str(
        (info.json_schema_extra or {}).get("unit", "") if isinstance(info.json_schema_extra, dict) else ""
    )
    if content is None:
        return unit.partition("empty: ")[2] or "none"
    if isinstance(content, bool):
        return "on" if content else "off"
    if isinstance(content, int | float):
        return f"{number(content)} tokens" if unit == "tokens" else number(content)
    if isinstance(content, str):
        return word(content) if _of_vocabulary(info.annotation) else content
    if isinstance(content, BaseModel):
        return whole(content)
    if isinstance(content, tuple | list):
        return ", ".join(value(item, info) for item in content) or "none"
    if isinstance(content, dict):
        return ", ".join(f"{key} {value(item, info)}" for key, item in content.items()) or "none"
    return str(content)


def _of_vocabulary(annotation: Any) -> bool:
    """Whether the strings of a field are of the vocabulary: `Literal`, also as one of several types."""
    return any(get_origin(kind) is Literal for kind in (annotation, *get_args(annotation)))


def word(kind: str) -> str:
    """A value of the vocabulary: `expert_choice` is expert choice."""
    return _VALUES.get(kind, kind.replace("_", " "))


@singledispatch
def brief(spec: BaseModel) -> str:
    """A piece of a design in a few words: `top-2`, `MoE layer of 8 experts`, `linear from 8 to 2`."""
    kind = str(getattr(spec, "kind", ""))
    return word(kind) if kind else type(spec).__name__.lower()


def whole(spec: BaseModel) -> str:
    """As `brief`, with the values that are not the usual where `brief` knows only its name."""
    if isinstance(spec, Body) or brief.dispatch(type(spec)) is not brief.dispatch(object):
        return brief(spec)
    return f"{brief(spec)} {unusual(spec)}".strip()


def unusual(spec: BaseModel) -> str:
    """`(coefficient 0.03)`: values of a spec that are not its defaults; empty if there are none.

    Of what has no kind, all numbers: it goes by them.
    """
    by_numbers = not hasattr(spec, "kind")
    said = [
        f"{called(type(spec), name)} {value(content, info)}"
        for name, info in type(spec).model_fields.items()
        if name not in ("kind", "name") and not _holds_specs(content := getattr(spec, name))
        if content != info.default or (by_numbers and type(content) in (int, float))
    ]
    return f"({', '.join(said)})" if said else ""


def _holds_specs(content: Any) -> bool:
    """Whether it is of specs that go by names of their own; a schedule is a number."""
    if isinstance(content, tuple):
        return any(map(_holds_specs, content))
    return isinstance(content, BaseModel) and not isinstance(content, Schedule)


@brief.register
def _(spec: Layer) -> str:
    return ", ".join(brief(part.body) for part in spec.parts)


@brief.register
def _(spec: Schedule) -> str:
    if (listed := getattr(spec, "values", None)) is not None:
        return f"{word(spec.kind)} {', '.join(map(number, listed))}"
    start, end = (number(getattr(spec, name)) for name in ("start", "end"))
    return f"{word(spec.kind)} from {start} to {end}"


@brief.register
def _(spec: TopK) -> str:
    return f"top-{number(spec.k)}" if isinstance(spec.k, int | float) else f"top-k, {brief(spec.k)}"


@brief.register
def _(spec: GroupTopK) -> str:
    return f"top-{spec.k} of {plural(spec.top_islands, 'island')}"


@brief.register
def _(spec: Moe) -> str:
    return f"MoE layer of {plural(spec.count, 'expert')}"


@brief.register
def _(spec: Expert) -> str:
    return groups([spec])


def part_name(body: Body) -> str:
    """`MoE layer`, `Attention`."""
    name = word(body.kind)
    return name[:1].upper() + name[1:]


def groups(experts: Sequence[Expert]) -> str:
    """`6 × 512, 1 024`: widths of experts in order, each with what is not the usual."""
    return ", ".join(_group(group) for group in experts)


def _group(group: Expert) -> str:
    usual = {"kind", "count", "hidden"}
    odd = [
        f"{called(type(group), name)} {value(getattr(group, name), info)}"
        for name, info in type(group).model_fields.items()
        if name not in usual and getattr(group, name) != info.default
    ]
    size = f"{number(group.count)} × {number(group.inner)}" if group.inner else f"{number(group.count)} × "
    return " ".join([size.strip(), *([] if group.usual else [word(group.kind)]), *odd])


def widths(experts: Sequence[Expert]) -> str:
    """Widths of experts, neighbours of equal width together."""
    runs = [(width, sum(g.count for g in run)) for width, run in groupby(experts, key=lambda g: g.inner)]
    if len(runs) == 1:
        return number(runs[0][0])
    return ", ".join(f"{number(n)} × {number(width)}" if n > 1 else number(width) for width, n in runs)


def layers(numbers: Sequence[int]) -> str:
    """`Layer 3`, `Layers 3–26`, `Layers 3, 5, 7`, `Layers 1–4, 9`."""
    if len(numbers) == 1:
        return f"Layer {numbers[0]}"
    runs = [
        [n for _, n in run]
        for _, run in groupby(enumerate(numbers), key=lambda indexed: indexed[1] - indexed[0])
    ]
    step = numbers[1] - numbers[0]
    if len(runs) > 3 and list(numbers) == list(range(numbers[0], numbers[-1] + 1, step)):
        return f"Layers {numbers[0]}, {numbers[1]} … {numbers[-1]}"
    texts = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    if len(texts) > 6:
        return f"Layers {', '.join(texts[:5])} … {texts[-1]} ({len(numbers)} in all)"
    return f"Layers {', '.join(texts)}"
