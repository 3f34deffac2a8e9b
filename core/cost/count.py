"""Parameters and multiply-adds of a design, part by part, in closed form.

Active parameters under three published rules:
R1  all that is not routed, and of the routed parameters what a token uses on average;
R2  R1 without tables that are only looked up (an untied token embedding): what batch-1 decode reads;
R3  R1 without embedding and head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from core.cost.figure import Figure, exact
from core.cost.rates import Measured, Routed, Turns, mean_rates, measured_turns, routed
from core.design.base import Weight
from core.design.bodies.base import Body, Mixer
from core.design.bodies.moe import Moe
from core.design.spec import Design, PlacedPart
from core.design.structure import Part, Repeat

RULES = ("R1", "R2", "R3")
Counted = TypeVar("Counted", "GroupCount", "PartCount")


@dataclass(frozen=True)
class GroupCount:
    """An expert group: parameters and multiply-adds of one expert, rows that all compute for a token.

    `turns` holds measured rates of its experts, one tuple a turn; empty where nothing was measured. `always`
    numbers of each expert are multiplied with every token, because the router asks all experts. `weights` are
    those of one expert.
    """

    pointer: str
    kind: str
    experts: int
    hidden: int
    parameters: int
    macs: int
    rows: float
    turns: Turns = ()
    always: int = 0
    weights: tuple[Weight, ...] = ()

    @property
    def token_parameters(self) -> float:
        """Parameters that a token uses."""
        return self.rows * (self.parameters - self.always) + self.experts * self.always

    @property
    def token_macs(self) -> float:
        """Multiply-adds of a token."""
        return self.rows * (self.macs - self.always) + self.experts * self.always


@dataclass(frozen=True)
class PartCount:
    """One turn of a part, and how many turns there are.

    `matrices` are the parameters that a narrow number format applies to. `macs` are multiply-adds of weight
    products for each token by role; `pair_macs` those of each query and key it visits, `scan_macs` of each
    query and key there is; `token_macs` what a token costs beside them. `pass_macs` are spent once a forward
    pass, whatever it holds: what a router knows of tasks, what a whole batch shares. Of all these,
    `fixed_macs` are those that a backward does not repeat: no gradient of a fixed weight, none at all where
    nothing reaches it. `active` is by R1.
    """

    pointer: str
    kind: str
    times: int
    parameters: int
    matrices: int
    routed: int
    active: float
    macs: tuple[tuple[str, float], ...]
    pair_macs: int = 0
    scan_macs: int = 0
    token_macs: float = 0.0
    pass_macs: float = 0.0
    fixed_macs: float = 0.0
    groups: tuple[GroupCount, ...] = ()
    weights: tuple[Weight, ...] = ()
    placed: PlacedPart | None = None

    @property
    def gemm_macs(self) -> float:
        """Multiply-adds of all weight products, each token, one turn."""
        return sum(macs for _, macs in self.macs)


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
        return replace(self, parts=tuple(_with(part, times=turns[same]) for same, part in first.items()))

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
        *_ends(design, owned, "input"),
        *_placed(design, went, owned, turns, training),
        *_ends(design, owned, "output"),
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
            yield _part(design, placed, owned[home], turns[placed.pointer], training)
        elif home in known:
            yield _again(known[home], placed)
        else:
            if placed.part in alike:
                known[home] = _again(alike[placed.part], placed)
            else:
                known[home] = alike[placed.part] = _part(design, placed, owned[home], None, training)
            yield known[home]


def _same(part: PartCount) -> object:
    """What equal parts of a stack have in common: the tuple of their weights is found faster than a hash."""
    return (id(part.weights), id(part.placed.stack)) if part.placed else (part.pointer, part.kind)


def _again(counted: PartCount, placed: PlacedPart) -> PartCount:
    """The count of an equal part that stands elsewhere."""
    tail = slice(len(counted.pointer), None)
    groups = tuple(_with(group, pointer=placed.pointer + group.pointer[tail]) for group in counted.groups)
    return _with(counted, pointer=placed.pointer, times=placed.times, groups=groups, placed=placed)


def _with(of: Counted, **changed: Any) -> Counted:
    """As `dataclasses.replace`, which looks at every field again and takes most of a count for it."""
    made = object.__new__(type(of))
    made.__dict__.update(of.__dict__, **changed)
    return made


def _is_lookup(design: Design, weight: Weight) -> bool:
    """A table of which a token reads one row, and that no head multiplies with."""
    table = weight.role == "embedding" and not weight.gemm and len(weight.shape) == 2
    return table and not (design.embedding.tied and weight.name == "embedding.weight")


def _ends(design: Design, owned: dict[str, list[Weight]], side: str) -> Iterator[PartCount]:
    """What is no part of a layer: tables in front; norms and position bias of the stacks, head at the end."""
    tokens = design.task.tokens
    if side == "input":
        weights = owned["/task"]
        macs = sum(w.each for w in weights if w.gemm)
        yield _plain("/task", "input", weights, {"embedding": macs})
        yield _plain("/embedding", "embedding", owned["/embedding"], {})
        return
    for s in range(len(design.stacks)):
        yield _plain(f"/stacks/{s}", "stack", owned[f"/stacks/{s}"], {})
    head = owned["/task:head"]
    if design.embedding.tied:
        macs = sum(w.each for w in design.task.output_weights(design.width) if w.gemm)
    else:
        macs = sum(w.each for w in head if w.gemm)
    # Most classifiers answer once an example, on the mean of its tokens; a language model at every token.
    per_token = macs if design.task.answers_tokens else macs / tokens
    yield _plain("/task", "head", head, {"head": per_token})


def _matrices(weights: list[Weight]) -> int:
    """Numbers that a narrow number format applies to."""
    return sum(w.size for w in weights if w.narrows)


def _plain(pointer: str, kind: str, weights: list[Weight], macs: dict[str, float]) -> PartCount:
    size = sum(w.size for w in weights)
    return PartCount(
        pointer, kind, 1, size, _matrices(weights), 0, size, tuple(macs.items()), weights=tuple(weights)
    )


def _part(
    design: Design, placed: PlacedPart, weights: list[Weight], turns: Turns | None, training: bool
) -> PartCount:
    body = placed.part.body
    bank = routed(body, training)
    size = sum(w.size for w in weights)
    in_bank = sum(w.size for w in weights if w.role == "expert") if bank else 0
    macs: dict[str, float] = defaultdict(float)
    once = fixed = 0.0
    for w in weights:
        if w.gemm and w.role != "expert" and (training or not w.trains_only):
            scope = bank.router.scope if bank and w.role == "router" else "token"
            each, whole = _shared("task" if w.by == "task" else scope, design)
            macs[w.role] += each * w.size
            once += whole * w.size
            fixed += each * w.size * _idle(w, body, bank)
    active, extra = float(size), 0.0
    groups: tuple[GroupCount, ...] = ()
    if bank is not None:
        combine = bank.router.combine
        rows = combine.rows(bank.experts, bank.chosen, design.task.tokens)
        groups = tuple(_groups(design, placed, body, turns, rows))
        each, whole = _shared(_merging(bank.router.scope), design)
        extra = combine.token_macs(design.width, bank.experts) + each * combine.merged_macs(in_bank)
        once += whole * combine.merged_macs(in_bank)
        macs["expert"] = _sum_of(groups, "macs") if turns else _even(groups, "macs", rows, bank.experts)
        # Every expert has a share in what is merged or mixed.
        most = bank.chosen if combine.selects else bank.experts
        used = _even(groups, "parameters", most, bank.experts)
        active = size - in_bank + (_sum_of(groups, "parameters") if turns else used)
    return PartCount(
        pointer=placed.pointer,
        kind=body.kind,
        times=placed.times,
        parameters=size,
        matrices=_matrices(weights),
        routed=in_bank,
        active=active,
        macs=tuple(macs.items()),
        pair_macs=body.pair_macs(design.width) if isinstance(body, Mixer) else 0,
        scan_macs=body.scan_macs(design.width) if isinstance(body, Mixer) else 0,
        token_macs=extra + (body.token_macs(design.width) if isinstance(body, Mixer) else 0),
        pass_macs=once,
        fixed_macs=fixed,
        groups=groups,
        weights=tuple(weights),
        placed=placed,
    )


def _idle(weight: Weight, body: Body, bank: Routed | None) -> int:
    """Of the two products of a backward, gradient of the input and of the weight, how many never run."""
    balanced = isinstance(body, Moe) and any(balancer.trains_router for balancer in body.balance)
    if bank and weight.role == "router" and not bank.router.weigh.reaches and not balanced:
        return 2
    return 0 if weight.learns else 1


def _shared(scope: str, design: Design) -> tuple[float, float]:
    """How often what is done once for each group of tokens is done: (for each token, once a pass)."""
    if scope == "token":
        return 1.0, 0.0
    if scope == "example":
        return 1 / design.task.tokens, 0.0
    groups = {"position": design.task.tokens, "task": max(1, design.tasks), "batch": 1}
    return 0.0, float(groups[scope])


def _merging(scope: str) -> str:
    """Examples of one task share their decision, and each has a merged expert of its own."""
    return "example" if scope == "task" else scope


def _groups(
    design: Design, placed: PlacedPart, body: Body, turns: Turns | None, rows: float
) -> Iterator[GroupCount]:
    """Expert groups of a routed part; a bank of equal copies is one group."""
    rates = mean_rates(turns) if turns else ()
    if isinstance(body, Moe):
        first = 0
        for i, group in enumerate(body.experts):
            own = slice(first, first + group.count)
            mine = sum(rates[own]) if rates else rows * group.count / body.count
            each = tuple(turn[own] for turn in turns or ())
            first += group.count
            pointer = f"{placed.pointer}/body/experts/{i}"
            outer = body.outer(design.width)
            own_weights = _of_one(group.weights(outer, "expert"), group.count)
            size, macs = group.parameters(outer), group.macs(outer)
            asked = sum(w.each for w in own_weights if w.name in body.router.score.asks)
            yield GroupCount(
                pointer, group.kind, group.count, group.inner, size, macs, mine, each, asked, own_weights
            )
        return
    bank = routed(body)
    if bank is not None:
        norms = body.norms(design.norm, design.width)
        weights = [w for w in (*norms, *body.weights(design.width, design.tasks)) if w.role == "expert"]
        size = sum(w.size for w in weights) // bank.experts
        macs = sum(w.size for w in weights if w.gemm) // bank.experts
        mine = sum(rates) if rates else rows
        one = _of_one(weights, bank.experts)
        yield GroupCount(
            f"{placed.pointer}/body", body.kind, bank.experts, 0, size, macs, mine, turns or (), 0, one
        )


def _of_one(weights: Iterable[Weight], experts: int) -> tuple[Weight, ...]:
    """Weights of one of so many equal experts."""
    return tuple(replace(weight, copies=weight.copies // experts) for weight in weights)


def _sum_of(groups: tuple[GroupCount, ...], what: str) -> float:
    return float(sum(getattr(group, f"token_{what}") for group in groups))


def _even(groups: tuple[GroupCount, ...], what: str, rows: float, experts: int) -> float:
    # Divide last: with whole K and E the product is exact.
    always = sum(group.experts * group.always for group in groups)
    return float(sum(g.experts * getattr(g, what) for g in groups) - always) * rows / experts + always
