"""Random designs for every room: `designs()` train, `any_designs()` are all that can be written down."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MaxLen, MinLen
from hypothesis import strategies as st
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from core.design.base import Choice, Spec
from core.design.bodies.moe import Moe
from core.design.bodies.routed_block import RoutedBlock
from core.design.edits import apply
from core.design.presets.methods import METHODS, method_edit
from core.design.rules import check, errors
from core.design.schedule import SCHEDULE, NumberOrSchedule
from core.design.spec import Design

Json = dict[str, Any]


@st.composite
def designs(draw: st.DrawFn, *, moe: bool = False, methods: bool = False) -> Design:
    """A small design without errors at stage train. `moe`: one layer routes for sure.

    `methods`: an MoE layer may be routed as any paper of the catalogue does, by task and by domain too, so a
    forward pass needs `tests.support.passing_for`.
    """
    task = draw(_tasks())
    language = task["kind"] == "language_model"
    width = draw(st.sampled_from([4, 8, 12, 16, 24, 32]))
    repeats = draw(st.lists(_repeats(width), min_size=1, max_size=2))
    if moe:
        repeats.append({"times": 1, "pattern": [{"parts": [{"body": draw(moes(width))}]}]})
    document = {
        "width": width,
        "task": task,
        "embedding": {
            "tied": language and draw(st.booleans()),
            "position": draw(st.sampled_from(["none", "learned"])),
            "scale": draw(st.sampled_from([1.0, 2.0])),
            "logit_scale": draw(st.sampled_from([1.0, 0.5])),
        },
        "norm": {"kind": draw(st.sampled_from(["rms", "layer"])), "bias": draw(st.booleans())},
        "stacks": [
            {
                "name": draw(st.sampled_from(["decoder", "forward", "keys", "body_1"])),
                "causal": language or draw(st.booleans()),
                "layers": repeats,
                "final_norm": draw(st.booleans()),
            }
        ],
    }
    design = Design.model_validate(document)
    return trainable(_routed(draw, design) if methods else design)


def _routed(draw: st.DrawFn, design: Design) -> Design:
    """The design with a method of the catalogue, or none, over each of its MoE layers."""
    causal = design.stacks[0].causal
    names = [method.name for method in METHODS if not (causal and method.looks_ahead)]
    for placed in design.parts():
        name = draw(st.sampled_from([None, *names]))
        if name is not None and isinstance(placed.part.body, Moe):
            edited = apply(design, method_edit(design, placed.pointer, name))
            assert isinstance(edited, Design), edited
            design = edited
    return design


def trainable(design: Design) -> Design:
    """The design with the first edit of each error applied, until it trains."""
    for _ in range(50):
        found = errors(check(design, stage="train"))
        if not found:
            return design
        edited = apply(design, found[0].edits[0])
        assert isinstance(edited, Design), edited
        design = edited
    raise AssertionError(f"50 edits did not mend {design}")


def _tasks() -> st.SearchStrategy[Json]:
    heads = st.lists(
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["classes", "binary", "value"]), "size": st.integers(2, 5)}
        ),
        min_size=1,
        max_size=3,
    ).map(lambda heads: [{**head, "name": f"a.{i} head"} for i, head in enumerate(heads)])
    side = st.sampled_from([2, 4])
    return st.one_of(
        st.fixed_dictionaries({"kind": st.just("language_model"), "context": st.integers(1, 12)}),
        st.fixed_dictionaries({"kind": st.just("table"), "features": st.integers(1, 6), "heads": heads}),
        st.fixed_dictionaries(
            {
                "kind": st.just("image_classifier"),
                "height": side,
                "width": side,
                "channels": st.integers(1, 3),
                "patch": st.sampled_from([1, 2]),
                "heads": heads,
            }
        ),
    )


@st.composite
def _repeats(draw: st.DrawFn, width: int) -> Json:
    layers = draw(st.lists(_layers(width), min_size=1, max_size=2))
    return {"times": draw(st.integers(1, 2)), "pattern": layers}


@st.composite
def _layers(draw: st.DrawFn, width: int) -> Json:
    parts = []
    for index in range(draw(st.integers(1, 3))):
        reads = ["stream", "stream", "layer_input", *range(index)]
        parts.append(
            {
                "body": draw(st.one_of(attentions(width), _dense(width), moes(width))),
                "reads": draw(st.sampled_from(reads)),
                "joins": draw(st.sampled_from(["now", "layer_end"])),
                "norm": {"pre": draw(st.booleans()), "post": draw(st.booleans())},
                "scale": draw(st.sampled_from([1.0, 0.5])),
            }
        )
    return {"parts": parts}


@st.composite
def attentions(draw: st.DrawFn, width: int) -> Json:
    """Attention with any of the options that train."""
    kv_heads, head = draw(st.integers(1, 3)), draw(st.sampled_from([2, 4, 8]))
    turned = [None, {}, {"theta": 100.0, "fraction": 0.5 if head > 2 else 1.0}]
    flags = ("query_bias", "key_bias", "value_bias", "output_bias", "gate")
    return {
        "kind": "attention",
        "kv_heads": kv_heads,
        "heads": kv_heads * draw(st.integers(1, 2)),
        "head_width": head,
        "value_width": draw(st.sampled_from([None, 1, 6])),
        "rope": draw(st.sampled_from(turned)),
        "window": draw(st.sampled_from([None, 1, 3])),
        "chunk": draw(st.sampled_from([None, 2, 4])),
        "qk_norm": draw(st.sampled_from(["none", "head", "full", "unit"])),
        "scale": draw(st.sampled_from([None, 0.3])),
        **{flag: draw(st.booleans()) for flag in flags},
    }


@st.composite
def experts(draw: st.DrawFn, most: int = 3) -> Json:
    """A group of experts of any kind that trains."""
    kind = draw(st.sampled_from(["glu", "glu", "mlp", "adapter", "glu_lowrank", "zero", "identity"]))
    group: Json = {"kind": kind, "count": draw(st.integers(1, most))}
    if kind not in ("zero", "identity"):
        group["hidden"] = draw(st.integers(1, 12))
        group["activation"] = draw(st.sampled_from(["silu", "gelu", "gelu_tanh", "relu", "relu2"]))
    if kind in ("glu", "mlp"):
        group["bias"] = draw(st.booleans())
    if kind == "glu_lowrank":
        group["rank"] = draw(st.integers(1, 4))
    return group


def _dense(width: int) -> st.SearchStrategy[Json]:
    return experts(most=1).map(lambda expert: {"kind": "dense", "expert": expert})


@st.composite
def moes(draw: st.DrawFn, width: int) -> Json:
    """An MoE layer with any router that trains."""
    groups = draw(st.lists(experts(), min_size=1, max_size=3))
    count = sum(group["count"] for group in groups)
    shared = draw(st.lists(experts(most=2), max_size=2))
    k: Any = draw(st.integers(1, count))
    if draw(st.booleans()):
        k = {"kind": draw(st.sampled_from(["linear", "cosine"])), "start": count, "end": k}
    softmax = draw(st.booleans())
    modifiers = [
        {"kind": "jitter", "epsilon": 0.1},
        {"kind": "logit_noise", "sigma": 1.0},
        {
            "kind": "temperature",
            "value": draw(st.sampled_from([0.5, {"kind": "linear", "start": 2.0, "end": 0.5}])),
        },
    ]
    balancers = [
        {"kind": "bias_update", "step": 0.01},
        {"kind": "importance_load_cv"},
        {
            "kind": "load_balance",
            "per": draw(st.sampled_from(["batch", "sequence", "island"])),
            "choices": draw(st.sampled_from(["all", "first"])),
        },
        *([{"kind": "z_loss"}] if softmax else []),
    ]
    capacity = {
        "train": draw(st.sampled_from([0.3, 1.0, 1.25])),
        "eval": draw(st.sampled_from([0.5, 2.0])),
        "priority": draw(st.sampled_from(["order", "score"])),
    }
    return {
        "kind": "moe",
        "experts": groups,
        "shared": shared,
        "shared_gate": bool(shared) and draw(st.booleans()),
        "islands": draw(st.sampled_from([i for i in (1, 2, 3) if count % i == 0])),
        "router": {
            "score": {"kind": "linear", "bias": draw(st.booleans())},
            "score_function": "softmax" if softmax else "sigmoid",
            "modifiers": draw(st.lists(st.sampled_from(modifiers), max_size=3)),
            "select": {"kind": "top_k", "k": k},
            "capacity": draw(st.sampled_from([None, capacity])),
            "weigh": {
                "kind": draw(st.sampled_from(["raw", "renormalised", "ones"])),
                "scale": draw(st.sampled_from([1.0, 2.5])),
            },
            "combine": {"kind": "output_mix"},
        },
        "balance": draw(st.lists(st.sampled_from(balancers), max_size=3)),
    }


def any_designs() -> st.SearchStrategy[Design]:
    """Designs over the whole vocabulary, with errors or without, read off the fields of the specs."""
    return _spec(Design, 0)


#: Fields that are kept small, so that a thousand random designs stay quick to check.
_MOST = {"width": 32, "times": 3, "context": 9000, "count": 6, "head_width": 8, "layers": 2, "pattern": 2}


def _spec(cls: type[Spec], depth: int) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            name: _field(name, info, depth + 1)
            for name, info in cls.model_fields.items()
            if name != "schema_version"
        }
    ).map(lambda values: cls(**values))


def _field(name: str, info: FieldInfo, depth: int) -> st.SearchStrategy[Any]:
    drawn = _value(name, info.annotation, list(info.metadata), depth)
    if info.default is PydanticUndefined:
        return drawn
    # Mostly defaults: where everything is odd, one error hides all others.
    return st.one_of(st.just(info.default), st.just(info.default), drawn)


def _value(name: str, kind: Any, metadata: list[Any], depth: int) -> st.SearchStrategy[Any]:
    for extra in metadata:
        if isinstance(extra, Choice):
            return _choice(extra, depth)
        if isinstance(extra, NumberOrSchedule):
            return _number_or_schedule(extra)
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *extras = get_args(kind)
        return _value(name, inner, extras, depth)
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if origin in (Union, types.UnionType):
        return st.one_of(*(_value(name, arm, metadata, depth) for arm in get_args(kind)))
    if origin is tuple:
        least = next((m.min_length for m in metadata if isinstance(m, MinLen)), 0)
        most = next((m.max_length for m in metadata if isinstance(m, MaxLen)), 3)
        entries = _value(name, get_args(kind)[0], [], depth)
        return st.lists(entries, min_size=least, max_size=min(most, _MOST.get(name, 2))).map(tuple)
    if origin is dict:
        of_key, of_value = (_value(name, arm, [], depth) for arm in get_args(kind))
        return st.dictionaries(of_key, of_value, max_size=2)
    if isinstance(kind, type) and issubclass(kind, Spec):
        return _spec(kind, depth)
    return _PLAIN[kind](name, metadata)


def _choice(choice: Choice, depth: int) -> st.SearchStrategy[Any]:
    # A block inside a block inside a block would never end.
    members = [m for m in choice.members.values() if depth < 8 or m is not RoutedBlock]
    return st.sampled_from(members).flatmap(lambda member: _spec(member, depth))


def _number_or_schedule(number: NumberOrSchedule) -> st.SearchStrategy[Any]:
    low, high = number.low, min(number.high, number.low + 8)
    plain = st.integers(int(low), int(high)) if number.whole else st.floats(low, high)
    ends = st.floats(max(low, 0.01), high)
    ramps = [m for name, m in SCHEDULE.members.items() if name != "steps"]
    ramp = st.sampled_from(ramps).flatmap(
        lambda cls: st.builds(lambda start, end: cls(kind=_kind(cls), start=start, end=end), ends, ends)
    )
    steps = st.lists(ends, min_size=1, max_size=3).map(
        lambda values: SCHEDULE.parse({"kind": "steps", "values": values})
    )
    return st.one_of(plain, ramp, steps)


def _kind(cls: type[Spec]) -> str:
    kind: str = get_args(cls.model_fields["kind"].annotation)[0]
    return kind


def _limits(metadata: list[Any], low: float, high: float) -> tuple[float, float]:
    """The part of [low, high] that a field's limits allow; strict limits count as met."""
    lows = [getattr(m, "ge", getattr(m, "gt", None)) for m in metadata]
    highs = [getattr(m, "le", getattr(m, "lt", None)) for m in metadata]
    return max([low, *(n for n in lows if n is not None)]), min([high, *(n for n in highs if n is not None)])


def _integers(name: str, metadata: list[Any]) -> st.SearchStrategy[Any]:
    low, high = _limits(metadata, 0, 12)
    return st.integers(int(low), _MOST.get(name, max(int(low), int(high))))


def _floats(name: str, metadata: list[Any]) -> st.SearchStrategy[Any]:
    low, high = _limits(metadata, -10.0, 10.0)
    return st.sampled_from([low + share * (high - low) for share in (0.001, 0.3, 0.5, 0.9)])


_PLAIN: dict[Any, Callable[[str, list[Any]], st.SearchStrategy[Any]]] = {
    int: _integers,
    float: _floats,
    bool: lambda name, metadata: st.booleans(),
    str: lambda name, metadata: st.sampled_from(["decoder", "encoder", "other"]),
    type(None): lambda name, metadata: st.none(),
}
