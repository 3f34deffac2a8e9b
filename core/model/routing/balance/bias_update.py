"""Loss-free balancing (arXiv 2408.15664; DeepSeek-V3, arXiv 2412.19437)."""

from __future__ import annotations

import torch
from torch import Tensor

from core.design.routing.balance.bias_update import BiasUpdate as BiasUpdateSpec
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.shape import RoutedShape


@BALANCERS.register(BiasUpdateSpec)
class BiasUpdate(Balancer):
    """A buffer that steers selection only: b_e += step * sign(mean load - load_e), once a step."""

    bias: Tensor

    def __init__(self, spec: BiasUpdateSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.step = spec.step
        self.register_buffer("bias", torch.zeros(shape.experts))

    def selection_bias(self) -> Tensor:
        return self.bias

    @torch.no_grad()
    def after_step(self, selected_E: Tensor) -> None:
        # Whole numbers: E * load_e against the sum says exactly whether a load is the mean.
        self.bias += self.step * torch.sign(selected_E.sum() - len(selected_E) * selected_E)
