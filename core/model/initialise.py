"""Where training starts: every parameter a pure function of the seed and its own name."""

from __future__ import annotations

import math

import torch
from torch import nn

from core.model.randomness import generator

#: Matrices that write into the residual stream, by the end of their names.
_INTO_STREAM = ("output.weight", "down_EDH")
#: A router that starts small lets the data decide who specializes, not the draw (Switch, arXiv 2101.03961).
_ROUTER = (
    "router.score.weight",
    "router.score.island_weight",
    "router.score.noise",
    "router.condition.gates_NED",
)
ROUTER_SCALE = 0.1
#: A router that never learns keeps the deviation 1 / sqrt(3 n) that torch gives a linear layer, as published.
_NEVER_TRAINED = "router.score.frozen_ED"


@torch.no_grad()
def initialise(model: nn.Module, seed: int, branches: int) -> None:
    """Draw all matrices anew; norms and free vectors keep what they were built with, biases become 0.

    A matrix with n inputs (an embedding of n numbers) is normal with deviation 1 / sqrt(n), which keeps
    activations at the size the norms give them at every width. The last matrix of a branch is further
    divided by sqrt(branches), so the stream's size does not grow with depth (GPT-2). Routers start at a
    tenth of that.
    """
    for name, parameter in model.named_parameters():
        if "bias" in name.rsplit(".", 1)[-1]:
            parameter.zero_()
        elif parameter.dim() > 1:
            deviation = 1 / math.sqrt(parameter.shape[-1])
            if name.endswith(_INTO_STREAM):
                deviation /= math.sqrt(branches)
            if name.endswith(_ROUTER):
                deviation *= ROUTER_SCALE
            if name.endswith(_NEVER_TRAINED):
                deviation /= math.sqrt(3)
            parameter.normal_(0.0, deviation, generator=generator("init", seed, name))
