"""A bank whose experts are whole layers (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from core.design.base import Spec, Weight, field
from core.design.bodies.attention import Attention
from core.design.bodies.base import BODY, Body
from core.design.bodies.dense import Dense
from core.design.edit import Edit
from core.design.problems import Problem, Site
from core.design.routing.combine.output_mix import OutputMix
from core.design.routing.condition.task_concat import TaskConcat
from core.design.routing.condition.task_embedding import TaskEmbedding
from core.design.routing.modifier.gumbel import Gumbel
from core.design.routing.modifier.jitter import Jitter
from core.design.routing.modifier.logit_noise import LogitNoise
from core.design.routing.modifier.temperature import Temperature
from core.design.routing.router import Router, RouterInput
from core.design.routing.score.given import GivenScore
from core.design.routing.score.linear import LinearScore
from core.design.routing.score.noisy_linear import NoisyLinearScore
from core.design.routing.select.every import All
from core.design.routing.select.top_k import TopK
from core.design.routing.weigh.mean import Mean
from core.design.routing.weigh.raw import Raw
from core.design.routing.weigh.renormalised import Renormalised
from core.design.routing.weigh.straight_through import StraightThrough
from core.design.schedule import ends_of
from core.design.structure import Layer

_NONE = type(None)
#: What a router over whole layers may have on each axis, and what to write where it has something else.
_AXES: dict[str, tuple[tuple[type, ...], Any]] = {
    "condition": ((_NONE, TaskConcat, TaskEmbedding), {"kind": "task_embedding", "dim": 16, "hidden": 16}),
    "score": ((LinearScore, NoisyLinearScore, GivenScore), {"kind": "given"}),
    "select": ((All, TopK), {"kind": "all"}),
    "uncertain": ((_NONE,), None),
    "capacity": ((_NONE,), None),
    "weigh": ((Raw, Renormalised, Mean, StraightThrough), {"kind": "straight_through"}),
    "combine": ((OutputMix,), {"kind": "output_mix"}),
    "input": ((RouterInput,), {}),
}
_MODIFIERS = (Gumbel, Jitter, LogitNoise, Temperature)
#: Bodies that need no router of their own.
_INSIDE = (Attention, Dense)


@BODY.register
class RoutedBlock(Body):
    """`copies` of one layer, of which the router gives each example or task its own.

    The parts of the layer have their norms; what the block adds to the stream is what the layer adds.
    """

    bank = "copies"
    kind: Literal["routed_block"]
    copies: int = field(4, ge=1, le=256)
    layer: Layer
    router: Router

    @property
    def count(self) -> int:
        """E, whole layers to choose from."""
        return self.copies

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        yield from self.router.weights(width, self.copies, tasks)
        for part in self.layer.parts:
            for weight in part.body.weights(width, tasks):
                yield self._copied(weight)

    def norms(self, norm: Any, width: int) -> Iterator[Weight]:
        for part in self.layer.parts:
            for name in part.norm.names():
                yield from map(self._copied, norm.weights(width, name))

    def _copied(self, weight: Weight) -> Weight:
        return replace(weight, role="expert", copies=weight.copies * self.copies)

    def rules(self, site: Site) -> Iterator[Problem]:
        router = site.at("router")
        if self.router.scope not in ("example", "task"):
            yield router.error(
                "block-scope",
                "Attention inside a copy needs all tokens of an example, so a router over whole layers"
                " decides for an example or a task, not for each token.",
                "To fix this, decide for each task.",
                edits=(router.merge(_by_task(), label="Decide for each task"),),
                at="scope",
            )
        for axis, (allowed, plain) in _AXES.items():
            value = getattr(self.router, axis)
            if not isinstance(value, allowed):
                yield self._axis_error(router, axis, value, plain)
        for i, modifier in enumerate(self.router.modifiers):
            if not isinstance(modifier, _MODIFIERS):
                here = router.at("modifiers", i)
                yield here.error(
                    "block-router",
                    f"{type(modifier).called()} does not work over whole layers.",
                    "To fix this, leave it out.",
                    edits=(here.remove(label="Leave it out"),),
                )
        select = self.router.select
        if isinstance(select, TopK) and ends_of(select.k)[1] > self.copies:
            here = router.at("select")
            yield here.error(
                "k-over-experts",
                f"Top-k {ends_of(select.k)[1]:g} is more than the {self.copies} copies of this layer.",
                f"To fix this, pick at most {self.copies}.",
                edits=(here.set("k", self.copies, label=f"Set top-k to {self.copies}"),),
                at="k",
            )
        yield from self._inside(site)

    def _axis_error(self, router: Site, axis: str, value: Spec, plain: Any) -> Problem:
        edit: Edit = router.set(axis, plain, label=f"Use the plain {axis}")
        return router.error(
            "block-router",
            f"{type(value).called()} does not work over whole layers, which answer for an example or a task.",
            f"To fix this, use the plain {axis}.",
            edits=(edit,),
            at=axis,
        )

    def _inside(self, site: Site) -> Iterator[Problem]:
        for p, part in enumerate(self.layer.parts):
            if not isinstance(part.body, _INSIDE):
                here = site.at("layer", "parts", p)
                yield here.error(
                    "block-inside",
                    f"{type(part.body).called()} cannot stand inside a layer of which there are copies.",
                    "To fix this, use a dense FFN there.",
                    edits=(here.set("body", _dense(site), label="Use a dense FFN"),),
                    at="body",
                    stage="train",
                )


def _dense(site: Site) -> dict[str, Any]:
    return {"kind": "dense", "expert": {"kind": "glu", "hidden": 2 * site.design.width}}


def _by_task() -> dict[str, Any]:
    return {
        "scope": "task",
        "score": {"kind": "given"},
        "condition": {"kind": "task_embedding", "dim": 16, "hidden": 16},
    }
