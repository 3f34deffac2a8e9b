"""Bytes of an optimizer step on the fullest device of a plan: states, and activations over its course."""

from __future__ import annotations

from core.cost.count import Counts
from core.cost.figure import Figure, exact
from core.cost.formats import Widths
from core.cost.held import held
from core.cost.memory import Memory, prior, staying
from core.cost.optimizers import optimizer
from core.cost.scenario import Scenario
from core.cost.shards import Shard, Stage, shard, staged
from core.cost.stored import Size
from core.design.base import Weight


def training(counts: Counts, load: Scenario) -> Memory:
    """One optimizer step on the fullest device: 16-bit weights have a float32 copy in the optimizer.

    Weights asked for in a narrower format are kept in 16 bits as well, and rounded copies of them are
    multiplied: steps of a narrow format are too coarse to add gradients to (arXiv 1710.03740, 2509.25149).
    Gradients are summed in float32 where several micro-batches or copies of the batch add up. The stages of a
    pipeline pass micro-batches one forward, one backward (arXiv 2104.04473).
    """
    # Equal parts of different layers are one only where nothing is asked of a layer.
    apart = load.parallel.pp > 1 or load.training.recompute == "full"
    parts = counts if apart else counts.folded()
    found = []
    for index, stage in enumerate(staged(parts, load.parallel)):
        states, imbalance = _states(stage, load)
        moments = _moments(parts, stage, index, load)
        first = sum(figure.value for _, figure in states)
        timeline = [("between steps", first), *((name, first + value) for name, value in moments)]
        name, most = max(moments, key=lambda moment: moment[1])
        rows = (*states, (name, prior(most, "memory.activations")))
        found.append(Memory(rows, (), tuple(timeline), index, imbalance))
    return max(found, key=lambda memory: memory.peak.value)


def _kept(load: Scenario) -> int:
    """Bytes of a weight that gradients are added to."""
    return max(2, load.weights.default.bits // 8)


def _states(stage: Stage, load: Scenario) -> tuple[tuple[tuple[str, Figure], ...], float]:
    """Weights, gradients and optimizer states of a stage, each cut by its own group of copies."""
    plan, how = load.parallel, load.training
    stored = _kept(load)
    summed = 4 if load.micro_batches > 1 or plan.dp > 1 else stored
    master = 0 if stored == 4 else 4
    keeps = optimizer(how.optimizer)
    weights = _cut(stage, load, lambda w, _: stored * w.each, 3)
    gradients = _cut(stage, load, lambda w, _: summed * w.each * w.learns, 2)
    states = _cut(stage, load, lambda w, _: (keeps.states(w) + master) * w.each * w.learns, 1)
    rows = [
        ("weights", exact(weights.most, "bytes", "memory.weights", weights=load.weights.name)),
        ("gradients", exact(gradients.most, "bytes", "memory.gradients", bytes=summed)),
        ("optimizer", exact(states.most, "bytes", "memory.optimizer", optimizer=how.optimizer, copy=master)),
    ]
    copies = shard(stage, plan, staying(_copied(load.weights), load), apart=bool(load.weights.places))
    if copies.most:
        name = load.weights.name
        rows.insert(1, ("narrow copies", exact(copies.most, "bytes", "memory.copies", weights=name)))
    if how.zero == 3:
        layer = max((part.parameters / plan.tp for part, _ in stage if part.placed), default=0.0)
        rows.append(("gathered weights", exact(2 * layer * stored, "bytes", "memory.gathered")))
    return tuple(rows), weights.imbalance


def _copied(weights: Widths) -> Size:
    """Bytes of the narrow copies of a tensor, one for each way a product reads."""

    def size(weight: Weight, pointers: tuple[str, ...]) -> float:
        form = weights.of(weight, *pointers)
        return 2 * form.stored(weight.shape) / 8 if form.bits < 16 and _multiplied(weight) else 0.0

    return size


def _multiplied(weight: Weight) -> bool:
    """Whether a narrow product has its own copy of a weight."""
    return weight.narrows and weight.gemm and weight.role not in ("embedding", "head")


def _cut(stage: Stage, load: Scenario, size: Size, zero: int) -> Shard:
    """Bytes of a stage by `size`, which ZeRO of stage `zero` on cuts across copies."""
    plan = load.parallel
    whole = shard(stage, plan, staying(size, load))
    if load.training.zero < zero:
        return whole
    return Shard(whole.plain / plan.dp, tuple(each / plan.expert_dp for each in whole.experts))


def _moments(counts: Counts, stage: Stage, index: int, load: Scenario) -> list[tuple[str, float]]:
    """Bytes of activations at the moments of a step when most of them are there."""
    width, plan, how = counts.design.width, load.parallel, load.training
    tokens = load.micro_batch * load.context
    number = _kept(load)
    kept, layers = 0.0, dict[str, tuple[float, float]]()
    for part, turns in stage:
        if part.placed is None:
            continue
        mine = held(part, width, plan, tokens, training=True)
        layer, place = part.pointer.rsplit("/parts/", 1)
        every = tokens * (mine.numbers() * number + 4 * mine.single)
        again = every - tokens * (mine.numbers("selective") * number + 4 * mine.single)
        if how.recompute == "full":
            again, kept = every, kept + turns * (tokens * width * number / plan.tp if place == "0" else 0.0)
        else:
            again = again if how.recompute == "selective" else 0.0
            kept += turns * (every - again)
        gradients = tokens * (mine.inner + mine.rows + mine.hidden) * number
        before = layers.get(layer, (0.0, 0.0))
        layers[layer] = (before[0] + again, max(before[1], gradients))
    under_way = min(plan.pp - index, load.micro_batches)
    backward = max((again + gradients for again, gradients in layers.values()), default=0.0)
    moments = [("activations, in the backward", under_way * kept + backward)]
    if any(part.kind == "head" for part, _ in stage):
        task = counts.design.task
        answers = tokens if task.answers_tokens else load.micro_batch
        outputs = answers * sum(head.outputs for head in task.heads_out) / plan.tp
        last = 2 * tokens * width * number / plan.tp
        moments.append(("activations and logits", under_way * kept + last + outputs * (number + 4)))
    return moments


def host_bytes(load: Scenario) -> float:
    """Bytes that a trained parameter of an expert on the host takes there: weight, gradient, states."""
    stored = _kept(load)
    return stored + 4 + optimizer(load.training.optimizer).matrix + (0 if stored == 4 else 4)
