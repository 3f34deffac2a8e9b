"""What routed layers did in one pass: their decision, what they read, what each pick added."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.design.bodies.moe import Moe as MoeSpec
from core.design.bodies.routed_block import RoutedBlock
from core.model.bodies.moe import Moe
from core.model.experts import ExpertBank
from core.model.model import Model
from core.model.routing.context import RouteContext
from core.model.routing.decision import Decision, Hard
from core.probe.errors import ProbeError
from core.probe.subject import Subject


@dataclass(frozen=True)
class Seen:
    """One MoE layer in one pass. `y_TD` is what its routed experts gave together."""

    decision: Decision
    context: RouteContext
    y_TD: Tensor

    @property
    def x_TD(self) -> Tensor:
        """What the layer read."""
        assert self.context.x_TD is not None
        return self.context.x_TD

    @property
    def bank(self) -> ExpertBank:
        """The layer's routed experts."""
        assert self.context.bank is not None
        return self.context.bank


def moe_layers(model: Model) -> dict[str, Moe]:
    """MoE layers by path, in order."""
    return {path: part.body for path, part in model.parts() if isinstance(part.body, Moe)}


def banks(subject: Subject) -> dict[str, int]:
    """Experts of every layer that can be switched, by path: of MoE layers, and of banks of whole layers."""
    bodies = ((place.path, place.body) for place in subject.design.occurrences())
    return {path: body.count for path, body in bodies if isinstance(body, MoeSpec | RoutedBlock)}


def selecting_layer(subject: Subject, path: str | None) -> str:
    """The path of a layer that selects experts, the last one where none is named. Raises ProbeError."""
    places = subject.design.occurrences()
    layers = [o.path for o in places if isinstance(o.body, MoeSpec) and o.body.router.combine.selects]
    if not layers:
        raise ProbeError(
            f"{subject.run} has no layer that sends tokens to experts, so there is none to look into. To fix"
            " this, choose a run that has one."
        )
    if path is None:
        return layers[-1]
    if path not in layers and path in banks(subject):
        raise ProbeError(
            f"The experts of layer {path} are whole layers or are all mixed, and this question looks into"
            f" experts that tokens are sent to. To fix this, name one of: {', '.join(layers)}."
        )
    if path not in layers:
        raise ProbeError(
            f"{subject.run} has no layer {path[:60]!r} that selects experts. To fix this, name one of:"
            f" {', '.join(layers)}."
        )
    return path


@contextmanager
def watched(model: Model) -> Iterator[dict[str, Seen]]:
    """While entered, every pass leaves what its MoE layers did, by path; later passes overwrite it."""
    found: dict[str, Seen] = {}

    def keep(path: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, given: tuple[Decision, RouteContext], y_TD: Tensor) -> None:
            found[path] = Seen(*given, y_TD)

        return layers[path].combine.register_forward_hook(hook)

    layers = moe_layers(model)
    handles = [keep(path) for path in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def contributions(seen: Seen, weigh_on_input: bool) -> Tensor:
    """[T, K, D]: what each accepted pick added to the layer's output, its weight included; 0 where none."""
    decision = seen.decision
    assert isinstance(decision, Hard)
    mix_TK = decision.mix_TK.to(seen.x_TD.dtype)
    y_TKD = seen.x_TD.new_zeros(*mix_TK.shape, seen.x_TD.shape[1])
    for first, group in zip(seen.bank.starts, seen.bank.members(), strict=True):
        for i in range(group.count):
            row_N, rank_N = torch.nonzero(decision.expert_TK == first + i, as_tuple=True)
            if not len(row_N):
                continue
            weight_N1 = mix_TK[row_N, rank_N][:, None]
            x_ND = seen.x_TD[row_N]
            y_ND = group.rows(x_ND * weight_N1, i) if weigh_on_input else group.rows(x_ND, i) * weight_N1
            y_TKD[row_N, rank_N] = y_ND
    return y_TKD
