"""A bank whose experts are whole layers (task-level MoE, arXiv 2205.12701)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Body
from core.design.edit import Edit
from core.design.problems import Site
from core.design.routing.router import Router
from core.design.structure import Layer


@BODY.register
class RoutedBlock(Body):
    """`copies` of one layer, the router picks among them. Norms stand outside, as for every part."""

    trainable = False
    kind: Literal["routed_block"]
    copies: int = field(4, ge=1, le=256)
    layer: Layer
    router: Router

    def instead(self, site: Site) -> Edit:
        dense = {"kind": "dense", "expert": {"kind": "glu", "hidden": 2 * site.design.width}}
        return site.set("", dense, label="Use a dense FFN")

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        yield from self.router.weights(width, self.copies, tasks)
        for part in self.layer.parts:
            for weight in part.body.weights(width, tasks):
                yield replace(weight, role="expert", copies=weight.copies * self.copies)
