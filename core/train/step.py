"""One optimizer step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from core.data.base import Batch, Dataset
from core.design.plan import Plan
from core.model.model import Model
from core.model.routing.record import RoutingRecord
from core.trace.collect import pass_of
from core.train import vocabulary as vocabulary  # registers every objective
from core.train.errors import NotFiniteError, spelled
from core.train.objective import HeadLoss
from core.train.objectives.base import OBJECTIVES, Work
from core.train.optimizer import rate


@dataclass(frozen=True)
class Stepped:
    """What a step found. `losses`: `loss` of all heads, `head/<name>` where there are several, balancers."""

    losses: dict[str, float]
    heads: list[HeadLoss]
    records: dict[str, RoutingRecord]
    gradient_norm: float
    rate: float
    tokens: int


def batch_of(dataset: Dataset, plan: Plan, model: Model, step: int) -> Batch:
    """The batch of a step, a pure function of the plan and the step."""
    context = plan.context or model.design.task.tokens
    mixture = plan.mixture or None
    if plan.sampling is not None:
        mixture = {name: size ** (1 / plan.sampling) for name, size in dataset.sizes().items()}
    return dataset.batch(step, seed=plan.seed, size=plan.batch, context=context, mixture=mixture)


def advance(
    model: Model, optimizer: torch.optim.Optimizer, plan: Plan, batch: Batch, domains: int, step: int
) -> Stepped:
    """The objective's gradient, clip, update, balance. `step` counts from 0. Raises NotFiniteError."""
    progress = step / max(1, plan.steps or 0)
    passing = pass_of(batch, domains, step=step, progress=progress, seed=plan.seed, record="counts")
    try:
        found = OBJECTIVES.build(plan.objective).run(Work(model, batch, passing))
    except NotFiniteError:
        # Of several passes the first ones may have left their gradients.
        optimizer.zero_grad()
        raise
    norm = clipped(model, plan.optimizer.clip)
    if not math.isfinite(norm):
        optimizer.zero_grad()
        raise NotFiniteError(f"The gradient became {spelled(norm)}")
    now = rate(plan, step)
    for group in optimizer.param_groups:
        group["lr"] = now
    optimizer.step()
    optimizer.zero_grad()
    model.after_step(found.records)
    heads, losses = found.heads, found.losses
    if len(heads) > 1:
        losses = losses | {f"head/{head.head.name}": head.mean().item() for head in heads}
    tokens = heads[0].loss.numel() if heads[0].loss.dim() == 2 else len(batch) * model.design.task.tokens
    return Stepped(losses, heads, found.records, norm, now, tokens)


def clipped(model: nn.Module, limit: float) -> float:
    """Global gradient norm before clipping to `limit`; 0 clips nothing."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = float(nn.utils.get_total_norm(gradients))
    if limit and norm > limit:
        torch._foreach_mul_(gradients, limit / (norm + 1e-6))
    return norm
