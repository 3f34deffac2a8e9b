"""check: every problem of a design at a stage, each error with edits that mend it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from core.design.base import Spec
from core.design.bodies.moe import Moe
from core.design.dial import Resize
from core.design.edit import Edit, Merge, SetValue
from core.design.edits import apply, together
from core.design.facts import DataFacts
from core.design.match import data_rules
from core.design.places import also_in, everywhere, general, merged
from core.design.plan import Plan
from core.design.planned import plan_rules
from core.design.problems import Problem, Site
from core.design.spec import Design, Stack
from core.design.structure import MOST_TURNS, Layer, Part, Repeat

#: Parameters the studio trains in one process: weights, gradients, two moments in float32 stay under 4 GB.
MOST_TRAINED = 250_000_000
MOST_TRAINED_DEPTH = 256

#: How many follow-up repairs an edit may need before it is given up.
_DEPTH = 12


def check(
    design: Design, plan: Plan | None = None, data: DataFacts | None = None, *, stage: str = "design"
) -> tuple[Problem, ...]:
    """Problems at `stage`: design | cost | train | export:<target>.

    No error at a stage means that the stage succeeds. Each edit of an error removes it and adds no error.
    """
    found = tuple(faults(design, plan, data, stage=stage))
    before = _errors_by_kind(found)

    def look(edited: Design) -> Iterator[Problem]:
        return _found(edited, plan, data, stage)

    return tuple(_mended(design, problem, before, look) for problem in found)


def errors(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Only what stands in the way."""
    return tuple(problem for problem in problems if problem.severity == "error")


def faults(
    design: Design, plan: Plan | None = None, data: DataFacts | None = None, *, stage: str = "design"
) -> Iterator[Problem]:
    """The problems of `check` with their edits as rules propose them, not yet completed: much faster.

    A design that is too large comes without its edit, which takes a search.
    """
    return merged(_found(design, plan, data, stage))


def _found(design: Design, plan: Plan | None, data: DataFacts | None, stage: str) -> Iterator[Problem]:
    """What rules say; of equal layers only the first is asked, and its edits are for it alone."""
    site = Site(design=design, stage=stage, plan=plan, data=data)
    yield from (problem for problem in _walk(design, site) if _concerns(problem.stage, stage))
    if _reaches(stage, "train"):
        yield from data_rules(design, site)
        yield from plan_rules(design, site)
        yield from _size_rules(design, site)


def _reaches(stage: str, other: str) -> bool:
    return stage == other or stage.startswith("export")


def _concerns(of_problem: str, stage: str) -> bool:
    """Whether a problem of one stage stands in the way of another."""
    if of_problem == "design":
        return True
    if of_problem == "cost":
        return stage != "design"
    return _reaches(stage, "train") if of_problem == "train" else of_problem == stage


def _walk(spec: Spec, site: Site) -> Iterator[Problem]:
    """Rules of a spec and of all below it; values that are not built yet are named at stage train."""
    yield from spec.rules(site)
    if not type(spec).trainable:
        edit = spec.instead(site)
        yield site.not_built(type(spec).called(), edit.label[:1].lower() + edit.label[1:], edit)
    around: dict[str, Any] = {}
    if isinstance(spec, Stack):
        around["stack"] = spec
    elif isinstance(spec, Part):
        around["part"] = spec
    elif isinstance(spec, Moe):
        around["moe"] = spec
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, Spec):
            yield from _walk(value, site.at(name, **around))
        elif name == "layers" and isinstance(spec, Stack):
            yield from _walk_layers(spec, site.at(name, stack=spec))
        elif isinstance(value, tuple):
            for i, entry in enumerate(value):
                if isinstance(entry, Spec):
                    yield from _walk(entry, site.at(name, i, **around))


def _walk_layers(stack: Stack, site: Site) -> Iterator[Problem]:
    """Rules of layers look no further than their stack, so equal ones have equal problems."""
    places: dict[Repeat, list[str]] = {}
    for i, repeat in enumerate(stack.layers):
        places.setdefault(repeat, []).append(f"{site.path}/{i}")
    for repeat, (first, *others) in places.items():
        yield from (also_in(problem, first, others) for problem in _walk(repeat, site.goto(first)))


def _size_rules(design: Design, site: Site) -> Iterator[Problem]:
    total = design.parameters
    if total > MOST_TRAINED or design.depth > MOST_TRAINED_DEPTH:
        yield site.error(
            "too-large",
            f"{total / 1e6:.0f} M parameters in {design.depth} layers are more than the studio trains"
            f" in one process ({MOST_TRAINED // 1_000_000} M, {MOST_TRAINED_DEPTH} layers).",
            "To fix this, shrink the design.",
            stage="train",
        )


def _shrink(design: Design) -> Edit:
    """Fewer turns if it is too deep, then a size dial turned down until the design fits."""
    fewer: tuple[Edit, ...] = ()
    if design.depth > MOST_TRAINED_DEPTH:
        fewer = tuple(
            SetValue(path=f"/stacks/{s}/layers/{r}/times", value=1)
            for s, stack in enumerate(design.stacks)
            for r in range(len(stack.layers))
        )
    probe = design if fewer else _folded(design)
    factor = 0.9 * min(1.0, (MOST_TRAINED / design.parameters) ** 0.5)
    for _ in range(24):
        # An edit that stays alone keeps its own label.
        edit = together((*fewer, Resize(width=factor, label="Shrink it")), "Shrink it")
        result = apply(probe, edit)
        if isinstance(result, Design) and result.parameters <= MOST_TRAINED:
            return edit
        factor *= 0.6
    return SetValue(path="/stacks", value=[{"layers": PLAIN_LAYERS}], label="Start from plain layers")


def _folded(design: Design) -> Design:
    """As many parameters written once: equal patterns of a stack as one repeat, if it can turn so often."""
    stacks = []
    for stack in design.stacks:
        turns: Counter[tuple[Layer, ...]] = Counter()
        for repeat in stack.layers:
            turns[repeat.pattern] += repeat.times
        if any(times > MOST_TURNS for times in turns.values()):
            return design
        layers = tuple(Repeat(times=times, pattern=pattern) for pattern, times in turns.items())
        stacks.append(stack.model_copy(update={"layers": layers}))
    return design.model_copy(update={"stacks": tuple(stacks)})


_Kind = tuple[str, str]


def _kind(problem: Problem) -> _Kind:
    """What a problem is when list positions may have shifted."""
    return problem.code, general(problem.path)


def _errors_by_kind(problems: Iterable[Problem]) -> Counter[_Kind]:
    """In how many places each error stands."""
    places: Counter[_Kind] = Counter()
    for problem in problems:
        if problem.severity == "error":
            places[_kind(problem)] += len(problem.places)
    return places


def _proposed(design: Design, problem: Problem) -> tuple[Edit, ...]:
    """Edits as the rule has them."""
    return (_shrink(design),) if problem.code == "too-large" else problem.edits


def _mended(
    design: Design,
    problem: Problem,
    before: Counter[_Kind],
    look: Callable[[Design], Iterator[Problem]],
) -> Problem:
    """The problem with each edit completed until it adds no error; edits that cannot be are dropped."""
    proposed = _proposed(design, problem)
    if problem.severity != "error" or not proposed:
        return problem
    most = before[_kind(problem)] - len(problem.places)

    def close(first: Edit) -> Edit | None:
        chain: tuple[Edit, ...] = (first,)
        for _ in range(_DEPTH):
            result = apply(design, together(chain, first.label))
            if isinstance(result, Problem):
                return None
            after = _errors_by_kind(look(result))
            added = after - before
            if not added:
                return together(chain, first.label) if after[_kind(problem)] <= most else None
            follow_up = next(
                (
                    _proposed(result, p)[0]
                    for p in merged(look(result))
                    if _kind(p) in added and _proposed(result, p)
                ),
                None,
            )
            if follow_up is None:
                return None
            chain = (*chain, follow_up)
        return None

    closed = tuple(edit for edit in map(close, proposed) if edit is not None)
    if not closed:
        resorts = zip(*(_last_resorts(path) for path in reversed(problem.places)), strict=True)
        mending = (edit for edit in map(close, map(everywhere, resorts)) if edit is not None)
        closed = tuple(islice(mending, 1))
    return problem.model_copy(update={"edits": closed})


STANDARD_ROUTER: dict[str, Any] = {
    "score": {"kind": "linear"},
    "select": {"kind": "top_k", "k": 1},
    "weigh": {"kind": "raw"},
    "combine": {"kind": "output_mix"},
}
STANDARD_PARTS: list[dict[str, Any]] = [
    {"body": {"kind": "attention", "heads": 1, "kv_heads": 1, "rope": None}},
    {"body": {"kind": "dense", "expert": {"kind": "mlp", "hidden": 64}}},
]
PLAIN_LAYERS: list[dict[str, Any]] = [{"times": 1, "pattern": [{"parts": STANDARD_PARTS}]}]


def _last_resorts(path: str) -> Iterator[Edit]:
    """Replacements from the inside out: the router, the part, the layer, all layers."""
    around = re.match(r"(((/stacks/\d+)/layers/\d+/pattern/\d+)/parts/\d+)", path)
    if around:
        part, layer, stack = around.group(1), around.group(2), around.group(3)
        if "/router" in path or "/balance" in path:
            plain = {"router": STANDARD_ROUTER, "balance": []}
            yield SetValue(path=f"{part}/body/router", value=STANDARD_ROUTER, label="Use a plain router")
            yield Merge(path=f"{part}/body", values=plain, label="Use a plain router")
        yield SetValue(path=part, value=STANDARD_PARTS[1], label="Use a dense FFN")
        yield SetValue(path=f"{layer}/parts", value=STANDARD_PARTS, label="Use a plain layer")
        yield SetValue(path=f"{stack}/layers", value=PLAIN_LAYERS, label="Use plain layers")
