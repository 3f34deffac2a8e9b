"""AdamW (arXiv 1711.05101), its warm-up and decay."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from core.design.plan import Optimizer, Plan

#: Modules whose weights are not pulled to zero: decay would undo what balancing or rare tokens need.
UNDECAYED = frozenset({"embedding", "position", "router"})


def make_optimizer(model: nn.Module, spec: Optimizer) -> torch.optim.AdamW:
    """Fused AdamW; norms, biases, embeddings and routers without weight decay."""
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in trained(model):
        (decayed if decays(name, parameter) else kept).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": spec.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=spec.rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.epsilon,
        fused=True,
    )


def trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters that learn."""
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


def decays(name: str, parameter: torch.Tensor) -> bool:
    """Whether weight decay acts: on matrices, stacked ones too, outside embeddings and routers."""
    return parameter.dim() >= 2 and "bias" not in name and not UNDECAYED & set(name.split("."))


def rate(plan: Plan, step: int) -> float:
    """Learning rate of step `step`, counted from 0: linear warm-up, then cosine (arXiv 1608.03983)."""
    spec, steps = plan.optimizer, plan.steps or 0
    warm = round(spec.warmup * steps)
    if step < warm:
        return spec.rate * (step + 1) / warm
    done = (step - warm) / max(1, steps - 1 - warm)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return spec.rate * (spec.floor + (1 - spec.floor) * fall)
