"""Shrink to train here: a design's small faithful proxy, and in words what was kept and what changed."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Any, NamedTuple

from core.design.bodies.moe import Moe
from core.design.edits import apply, parse
from core.design.problems import Problem
from core.design.proxy.depth import thinned
from core.design.proxy.scale import rescaled
from core.design.rules import check, errors, faults
from core.design.spec import Design

JSON = dict[str, Any]

CONTEXT = 64
BYTES = 256
#: Widths to try, the widest first, and the parameters that a proxy may have: about two minutes on two cores.
WIDTHS = (64, 48, 32)
MOST_PARAMETERS = 1_400_000
MOST_PIXELS = 64
_REPAIRS = 48
#: Ratios this near, as a logarithm, count as kept: counts of experts are whole numbers.
NEAR = 0.05


class Proxy(NamedTuple):
    """A small design that trains here; in words what it keeps, what it changes, and what had to be replaced
    because the studio does not train it yet."""

    design: Design
    kept: tuple[str, ...]
    changed: tuple[str, ...]
    replaced: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each of the three that has something to say."""
        said = (("Kept", self.kept), ("Changed", self.changed), ("Not trained yet", self.replaced))
        return tuple(f"{word}: {'; '.join(phrases)}." for word, phrases in said if phrases)


def shrink(design: Design) -> Proxy | Problem:
    """The proxy of a design, or what stands in its way.

    Kept: the order of kinds of layers, experts for each expert used, expert widths relative to the model,
    shared experts, the router and the balancers. What the studio cannot train yet is replaced as `check`
    proposes, and named. Pure and total: equal designs give equal proxies.
    """
    if not design.depth:
        return Problem(
            code="no-layers",
            path="/stacks",
            message="This design has no layers, so there is nothing to shrink.",
            fix="To fix this, add a layer first.",
        )
    document = design.model_dump(mode="json")
    notes = _one_stack(document)
    _few_layers(document)
    _task(document)
    few = parse(document)
    if isinstance(few, Problem):
        return few
    built, replaced = _replaced(few)
    done = _repaired(_narrowed(built))
    if isinstance(done, Problem):
        return done
    return Proxy(done, tuple(_kept(design, done)), tuple(_changed(design, done)), (*notes, *replaced))


def _one_stack(document: JSON) -> list[str]:
    """The last stack alone: an encoder and attention to it are left out."""
    if len(document["stacks"]) < 2:
        return []
    last = {**document["stacks"][-1], "reads": None}
    for repeat in last["layers"]:
        for layer in repeat["pattern"]:
            own = [part for part in layer["parts"] if not part["body"].get("cross")]
            layer["parts"] = [{**part, "reads": "stream"} for part in own] or layer["parts"]
    document["stacks"] = [last]
    return ["a second stack (the encoder is left out)"]


def _few_layers(document: JSON) -> None:
    for stack in document["stacks"]:
        layers = [
            layer for repeat in stack["layers"] for _ in range(repeat["times"]) for layer in repeat["pattern"]
        ]
        stack["layers"] = thinned(layers)


def _task(document: JSON) -> None:
    task = document["task"]
    if task["kind"] == "language_model":
        small = {"vocabulary": BYTES, "tokenizer": "bytes", "context": min(CONTEXT, task["context"])}
        document["task"] = {**task, **small, "extra_heads": 0}
    elif "patch" in task:
        sides = {side: min(task[side], MOST_PIXELS) for side in ("height", "width")}
        patch = next(
            (p for p in range(task["patch"], MOST_PIXELS + 1) if _tiles(sides, p)), min(sides.values())
        )
        document["task"] = {**task, **sides, "patch": patch}


def _tiles(sides: dict[str, int], patch: int) -> bool:
    """Whether patches tile the image, in no more of them than the tokens of a proxy."""
    rows, columns = (side // patch for side in sides.values())
    return all(side % patch == 0 for side in sides.values()) and 0 < rows * columns <= CONTEXT


def _replaced(design: Design) -> tuple[Design, list[str]]:
    """Without values that cannot be trained yet; what was replaced, once each."""
    said: dict[str, None] = {}
    for _ in range(_REPAIRS):
        missing = next((p for p in faults(design, stage="train") if p.code == "not-built" and p.edits), None)
        result = apply(design, missing.edits[0]) if missing else None
        if missing is None or not isinstance(result, Design):
            break
        what = missing.message.partition(" can be drawn")[0]
        label = missing.edits[0].label
        said[f"{what[:1].lower()}{what[1:]} ({label[:1].lower()}{label[1:]})"] = None
        design = result
    return design, list(said)


def _narrowed(design: Design) -> Design:
    """At the largest width of WIDTHS at which the parameters fit, or at the smallest."""
    for width in WIDTHS:
        small = Design.model_validate(_at_width(design, min(width, design.width)))
        if _parameters(small) <= MOST_PARAMETERS:
            break
    return small


def _at_width(design: Design, width: int) -> JSON:
    document = design.model_dump(mode="json")
    document["name"] = f"{design.name[:72]} (proxy)"
    document["width"] = width
    if design.embedding.scale != 1:
        document["embedding"]["scale"] = design.embedding.scale * (width / design.width) ** 0.5
    for stack in document["stacks"]:
        for layer in (layer for repeat in stack["layers"] for layer in repeat["pattern"]):
            for part in layer["parts"]:
                part["body"] = rescaled(part["body"], design.width, width)
    return document


def _repaired(design: Design) -> Design | Problem:
    """With every error mended by its first edit; else the error that is left."""
    for _ in range(_REPAIRS):
        wrong = next((p for p in faults(design, stage="train") if p.severity == "error"), None)
        if wrong is None:
            return design
        result = apply(design, wrong.edits[0]) if wrong.edits else wrong
        if isinstance(result, Problem):
            break
        design = result
    left = errors(check(design, stage="train"))
    for problem in left:
        for edit in problem.edits:
            result = apply(design, edit)
            if isinstance(result, Design) and not errors(check(result, stage="train")):
                return result
    return left[0] if left else design


def _parameters(design: Design) -> int:
    return sum(placed.times * placed.weight.size for placed in design.weights())


def _bank(design: Design) -> Moe | None:
    """The MoE layer with the most experts speaks for all."""
    banks = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
    return max(banks, key=lambda bank: bank.count, default=None)


def _spare(bank: Moe) -> float:
    """Experts for each one that a token uses."""
    return bank.count / max(1.0, bank.per_token)


def _kept(before: Design, after: Design) -> Iterator[str]:
    old, new = _bank(before), _bank(after)
    if new is None:
        yield "the order of layers, widths relative to the model"
        return
    if old and abs(log(_spare(new) / _spare(old))) < NEAR:
        yield f"{_spare(new):.3g} experts for each one used"
    routed = [group.inner / after.width for group in new.experts if group.inner]
    if len(set(routed)) == 1:
        yield f"experts {routed[0]:.2g} of the model wide"
    if new.shared and routed:
        wide = sum(group.count * group.inner for group in new.shared) / after.width
        yield f"shared width {wide / routed[0]:.2g} of an expert"
    yield f"{new.router.score_function} scores, {new.router.weigh.kind} weights"
    yield from (balancer.kind.replace("_", " ") for balancer in new.balance)


def _changed(before: Design, after: Design) -> Iterator[str]:
    old, new = _bank(before), _bank(after)
    if before.depth != after.depth:
        yield f"{before.depth} layers to {after.depth}"
    if before.width != after.width:
        yield f"width {before.width} to {after.width}"
    if old and new and (old.count, old.per_token) != (new.count, new.per_token):
        yield f"{old.per_token:g} of {old.count} experts a token to {new.per_token:g} of {new.count}"
    if before.task != after.task and after.task.kind == "language_model":
        yield f"the vocabulary to bytes, the context to {after.task.tokens} tokens"
