"""Parameters and multiply-adds of one part and of its groups of experts, in closed form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from core.cost.rates import Routed, Turns, mean_rates, routed
from core.design.base import Weight
from core.design.bodies.base import Body, Mixer
from core.design.bodies.moe import Moe
from core.design.spec import Design, PlacedPart

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


def again(counted: PartCount, placed: PlacedPart) -> PartCount:
    """The count of an equal part that stands elsewhere."""
    tail = slice(len(counted.pointer), None)
    groups = tuple(altered(group, pointer=placed.pointer + group.pointer[tail]) for group in counted.groups)
    return altered(counted, pointer=placed.pointer, times=placed.times, groups=groups, placed=placed)


def altered(of: Counted, **changed: Any) -> Counted:
    """As `dataclasses.replace`, which looks at every field again and takes most of a count for it."""
    made = object.__new__(type(of))
    made.__dict__.update(of.__dict__, **changed)
    return made


def ends(design: Design, owned: dict[str, list[Weight]], side: str) -> Iterator[PartCount]:
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


def part_count(
    design: Design, placed: PlacedPart, weights: list[Weight], turns: Turns | None, training: bool
) -> PartCount:
    """A part of a layer; `turns` are measured rates of its experts, None where nothing was measured."""
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
