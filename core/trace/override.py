"""Routers made to decide otherwise for a while: experts off, on, favoured, or picked in another way. Torch.

    with overrides(model, {"decoder.1.1": Override(suppress=(3,))}) as notes:
        model(inputs, passing)

The parts of a router that pick are exchanged and put back, the very same objects, also after an exception, so
the model is bit for bit what it was. The contract is that of `core.design.override.Override`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from core.design.bodies.moe import Moe as MoeSpec
from core.design.bodies.routed_block import RoutedBlock as RoutedBlockSpec
from core.design.override import Given, Override, Rank
from core.model.bodies.moe import Moe
from core.model.bodies.routed_block import RoutedBlock
from core.model.model import Model
from core.model.routing.router import Router
from core.trace.errors import TraceError
from core.trace.overridden import Overridden, Rule, Shifted, most

#: Bodies whose router picks among `count` experts.
Bank = MoeSpec | RoutedBlockSpec


class OverrideError(TraceError):
    """An override that a layer cannot carry out: what, why, and "To fix this, ..."."""


@contextmanager
def overrides(
    model: Model, wanted: Mapping[str, Override], given_T: Mapping[str, Tensor] | None = None
) -> Iterator[tuple[str, ...]]:
    """While entered, layers decide as `wanted` by path; gives what had to be left out, in words.

    given_T: by path, one expert for each token [T] instead of its picks, -1 = as it is; for measurements.
    Raises OverrideError for a model in training mode, a layer that is not there or selects nothing, an expert
    it does not have, more forced experts than it picks.
    """
    if model.training:
        raise OverrideError("A model in training learns what it routes. To fix this, put it into eval mode.")
    given = dict(given_T or {})
    specs = {path: spec for path, spec in wanted.items() if not spec.idle} | {
        path: wanted.get(path, Override()) for path in given
    }
    bodies = {o.path: o.body for o in model.design.occurrences()}
    parts = {path: part.body for path, part in model.parts()}
    notes: list[str] = []
    with ExitStack() as stack:
        for path, spec in specs.items():
            body, layer = bodies.get(path), parts.get(path)
            if not isinstance(body, Bank) or not isinstance(layer, Moe | RoutedBlock):
                known = ", ".join(p for p, b in bodies.items() if isinstance(b, Bank)) or "none"
                raise OverrideError(f"There is no routed layer {path!r}. To fix this, name one of: {known}.")
            notes += _checked(path, spec, body, path in given)
            stack.enter_context(_exchanged(layer.router, spec, body, given.get(path)))
        yield tuple(notes)


@contextmanager
def _exchanged(router: Router, spec: Override, body: Bank, given_T: Tensor | None) -> Iterator[None]:
    before = (router.select, router.modifiers, router.capacity)
    rule = Rule(spec, body.count, _most(spec, body), given_T)
    try:
        router.select = Overridden(rule, router.select, router.weigh)
        router.modifiers = nn.ModuleList([*router.modifiers, Shifted(rule)])
        router.capacity = router.capacity if spec.drops else None
        yield
    finally:
        router.select, router.modifiers, router.capacity = before


def _checked(path: str, spec: Override, body: Bank, given: bool) -> list[str]:
    """What has to be left out. Raises OverrideError."""
    experts, router = body.count, body.router
    named = {*spec.suppress, *spec.force, *spec.bias}
    named |= set(spec.pick.experts) if isinstance(spec.pick, Given) else set()
    if wrong := sorted(expert for expert in named if expert >= experts):
        raise OverrideError(
            f"Layer {path} has experts 0 to {experts - 1}, and the override names {wrong[0]}. To fix this,"
            " name one it has."
        )
    if isinstance(spec.pick, Rank) and spec.pick.r > experts:
        raise OverrideError(
            f"Layer {path} has {experts} experts, and rank {spec.pick.r} is asked for. To fix this, use 1 to"
            f" {experts}."
        )
    if not router.combine.selects:
        raise OverrideError(
            f"Layer {path} mixes every token into every expert, so none can be switched. To fix this, choose"
            " a layer that selects experts."
        )
    if router.scope != "token" and (spec.scope != "all" or given):
        fix = "choose a layer that decides for each token" if given else "let it hold for all tokens"
        raise OverrideError(
            f"Layer {path} decides for a whole {router.scope} at once, so single tokens cannot be"
            f" made an exception. To fix this, {fix}."
        )
    most = _most(spec, body)
    if len(spec.force) > most:
        raise OverrideError(
            f"{len(spec.force)} experts are switched on in layer {path}, and a token gets {most}. To fix"
            f" this, switch on at most {most}."
        )
    left = experts - len(spec.suppress)
    if left >= most:
        return []
    return [f"Layer {path} has {left} of its {experts} experts left, so a token gets {left} at most."]


def _most(spec: Override, body: Bank) -> int:
    """Most experts of a token, once the weights have let go of those that count no more."""
    router = body.router
    picked = router.select.most(body.count) if spec.pick is None else most(spec.pick, body.count)
    return int(router.weigh.computed(picked, training=False))
