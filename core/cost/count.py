"""Parameters and multiply-adds of a design, part by part, in closed form.

Active parameters under three published rules:
R1  all that is not routed, and of the routed parameters what a token uses on average;
R2  R1 without tables that are only looked up (an untied token embedding): what batch-1 decode reads;
R3  R1 without embedding and head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from core.cost.figure import Figure, exact
from core.cost.parts import PartCount, again, altered, ends, part_count
from core.cost.rates import Measured, Turns, measured_turns
from core.design.base import Weight
from core.design.bodies.base import Mixer
from core.design.spec import Design
from core.design.structure import Part, Repeat

RULES = ("R1", "R2", "R3")


@dataclass(frozen=True)
class Counts:
    """Everything that follows from the shapes of a design, and from rates of its experts."""

    design: Design
    parts: tuple[PartCount, ...]
    by_role: tuple[tuple[str, int], ...]
    lookups: int
    measured: bool
    training: bool = False

    @cached_property
    def total(self) -> int:
        """All parameters; a tied head owns none."""
        return sum(part.times * part.parameters for part in self.parts)

    @cached_property
    def routed(self) -> int:
        """Parameters of routed experts."""
        return sum(part.times * part.routed for part in self.parts)

    def active(self, rule: str = "R2") -> float:
        """Parameters a token uses on average, by R1, R2 or R3. Raises ValueError for another rule."""
        if rule not in RULES:
            raise ValueError(f"There is no rule {rule!r}. To fix this, choose one of {', '.join(RULES)}.")
        r1 = sum(part.times * part.active for part in self.parts)
        if rule == "R2":
            return r1 - self.lookups
        roles = dict(self.by_role)
        return r1 - (roles.get("embedding", 0) + roles.get("head", 0) if rule == "R3" else 0)

    def kv_elements(self, context: int | None = None) -> float:
        """Numbers cached for a sequence of `context` tokens, windows applied; None: for a token, without."""
        total = 0.0
        for part in self.parts:
            body = part.placed.part.body if part.placed else None
            if isinstance(body, Mixer):
                keys = 1 if context is None else body.cached_keys(context)
                total += part.times * body.kv_elements(self.design.width) * keys
        return total

    def left_elements(self, context: int | None = None) -> float:
        """Of `kv_elements` those left for a next token: none where a design reads all tokens at once."""
        return self.kv_elements(context) if self.design.task.causal_loss else 0.0

    def index_elements(self) -> int:
        """Numbers cached for a token by which queries pick the keys they visit."""
        bodies = ((part.times, part.placed.part.body) for part in self.parts if part.placed)
        return sum(n * b.index_elements(self.design.width) for n, b in bodies if isinstance(b, Mixer))

    def cached(self, context: int | None = None) -> Figure:
        """Numbers cached for a token: without windows, or with them, as an average over `context` tokens.

        Raises ValueError below one token.
        """
        if context is None:
            return exact(self.left_elements(), "numbers / token", "count.kv")
        if context < 1:
            raise ValueError(f"A context of {context} tokens is empty. To fix this, choose at least 1.")
        share = self.left_elements(context) / context
        return exact(share, "numbers / token", "count.kv.windows", context=context)

    def state_elements(self) -> int:
        """Numbers of constant states for a sequence (linear attention, state spaces)."""
        bodies = ((part.times, part.placed.part.body) for part in self.parts if part.placed)
        return sum(n * b.state_elements(self.design.width) for n, b in bodies if isinstance(b, Mixer))

    def folded(self) -> Counts:
        """The same with equal parts of a stack as one that turns more often: for sums over the whole design.

        Measured parts stay apart.
        """
        return self if self.measured else self._folded

    @cached_property
    def _folded(self) -> Counts:
        turns: dict[object, int] = defaultdict(int)
        first: dict[object, PartCount] = {}
        for part in self.parts:
            turns[_same(part)] += part.times
            first.setdefault(_same(part), part)
        return replace(self, parts=tuple(altered(part, times=turns[same]) for same, part in first.items()))

    def alike(self) -> dict[str, list[PartCount]]:
        """What is one part in `folded`, by its pointer there; parts that stand in a layer only."""
        found: dict[object, list[PartCount]] = defaultdict(list)
        for part in self.parts:
            if part.placed is not None:
                found[part.pointer if self.measured else _same(part)].append(part)
        return {parts[0].pointer: parts for parts in found.values()}

    def figures(self) -> tuple[Figure, ...]:
        """Total, active by each rule, cached numbers for a token."""
        share = "measured" if self.measured else "expected"
        return (
            exact(self.total, "parameters", "count.total"),
            *(exact(self.active(rule), "parameters", f"count.active.{rule}", rates=share) for rule in RULES),
            self.cached(),
        )


def count(design: Design, measured: Measured | None = None, *, training: bool = False) -> Counts:
    """Count `design`; `measured` rows of each expert for each token replace the expected ones.

    Of a trained model, or of the average pass while it is in `training`: some routers then do more work.
    Raises ValueError where `measured` does not fit the design.
    """
    turns = measured_turns(design, measured) if measured else {}
    owned: dict[str, list[Weight]] = defaultdict(list)
    by_role: dict[str, int] = defaultdict(int)
    lookups = 0
    once, went = _once(design)
    for pointer, times, weight in once.weights():
        owned["/task:head" if weight.role == "head" else pointer].append(weight)
        by_role[weight.role] += times * weight.size
        lookups += times * weight.size if _is_lookup(design, weight) else 0
    parts = (
        *ends(design, owned, "input"),
        *_placed(design, went, owned, turns, training),
        *ends(design, owned, "output"),
    )
    return Counts(design, parts, tuple(sorted(by_role.items())), lookups, bool(measured), training)


def _once(design: Design) -> tuple[Design, Iterator[str]]:
    """The design with equal repeats of a stack as one, and in it the pointer of every part of `design`."""
    stacks, went = [], []
    for s, stack in enumerate(design.stacks):
        at: dict[object, int] = {}
        kept: list[Repeat] = []
        turns: list[int] = []
        for repeat in stack.layers:
            # What is the same in memory is found faster than what is equal, and equal text than equal specs.
            same = tuple(map(id, repeat.pattern))
            if same not in at:
                text = "".join(layer.model_dump_json() for layer in repeat.pattern)
                at[same] = at.setdefault(text, len(kept))
            if (home := at[same]) == len(kept):
                kept.append(repeat)
                turns.append(0)
            turns[home] += repeat.times
            went.append((f"/stacks/{s}/layers/{home}", repeat))
        once = (r.model_copy(update={"times": times}) for r, times in zip(kept, turns, strict=True))
        stacks.append(stack.model_copy(update={"layers": tuple(once)}))
    return design.model_copy(update={"stacks": tuple(stacks)}), _pointers(went)


def _pointers(repeats: list[tuple[str, Repeat]]) -> Iterator[str]:
    for at, repeat in repeats:
        for n, layer in enumerate(repeat.pattern):
            for p in range(len(layer.parts)):
                yield f"{at}/pattern/{n}/parts/{p}"


def _placed(
    design: Design,
    went: Iterator[str],
    owned: dict[str, list[Weight]],
    turns: dict[str, Turns],
    training: bool,
) -> Iterator[PartCount]:
    """Every part in order; equal ones are counted once, unless their experts were measured."""
    known: dict[str, PartCount] = {}
    alike: dict[Part, PartCount] = {}
    for placed, home in zip(design.parts(), went, strict=True):
        if placed.pointer in turns:
            yield part_count(design, placed, owned[home], turns[placed.pointer], training)
        elif home in known:
            yield again(known[home], placed)
        else:
            if placed.part in alike:
                known[home] = again(alike[placed.part], placed)
            else:
                known[home] = alike[placed.part] = part_count(design, placed, owned[home], None, training)
            yield known[home]


def _same(part: PartCount) -> object:
    """What equal parts of a stack have in common: the tuple of their weights is found faster than a hash."""
    return (id(part.weights), id(part.placed.stack)) if part.placed else (part.pointer, part.kind)


def _is_lookup(design: Design, weight: Weight) -> bool:
    """A table of which a token reads one row, and that no head multiplies with."""
    table = weight.role == "embedding" and not weight.gemm and len(weight.shape) == 2
    return table and not (design.embedding.tied and weight.name == "embedding.weight")
