"""Expert specs as shapes of a bank."""

from __future__ import annotations

from collections.abc import Iterable

from core.design.experts.adapter import Adapter
from core.design.experts.base import EXPERT, Expert
from core.design.experts.glu import Glu
from core.design.experts.glu_lowrank import GluLowRank
from core.design.experts.identity import Identity
from core.design.experts.mlp import Mlp
from core.design.experts.zero import Zero
from core.model.experts import ExpertBank, ExpertGroup, GroupShape
from core.model.lowrank import LowRankExperts
from core.model.registry import Registry

#: A builder takes (spec, width) and gives a shape, or a module of its own for unusual experts.
EXPERTS: Registry[GroupShape | ExpertGroup] = Registry(EXPERT)


#: Slope of the sigmoid in gpt-oss's clamped gate (arXiv 2508.10925).
CLAMPED_ALPHA = 1.702


@EXPERTS.register(Glu)
def _glu(spec: Glu, width: int) -> GroupShape:
    alpha = 1.0 if spec.clamp is None else CLAMPED_ALPHA
    return GroupShape("glu", spec.count, spec.hidden, spec.activation, spec.bias, alpha, spec.clamp)


@EXPERTS.register(Mlp)
def _mlp(spec: Mlp, width: int) -> GroupShape:
    return GroupShape("mlp", spec.count, spec.hidden, spec.activation, spec.bias)


@EXPERTS.register(Adapter)
def _adapter(spec: Adapter, width: int) -> GroupShape:
    return GroupShape("mlp", spec.count, spec.hidden, spec.activation, bias=True)


@EXPERTS.register(GluLowRank)
def _glu_lowrank(spec: GluLowRank, width: int) -> ExpertGroup:
    return LowRankExperts(width, spec.count, spec.hidden, spec.rank, spec.activation)


@EXPERTS.register(Zero)
def _zero(spec: Zero, width: int) -> GroupShape:
    return GroupShape("zero", spec.count)


@EXPERTS.register(Identity)
def _identity(spec: Identity, width: int) -> GroupShape:
    return GroupShape("identity", spec.count)


def bank(groups: Iterable[Expert], width: int) -> ExpertBank:
    """The experts of `groups`, in order, at model width D."""
    return ExpertBank(width, [EXPERTS.build(group, width) for group in groups])
