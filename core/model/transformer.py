"""Layers of parts over the residual stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from core.design.structure import Part as PartSpec
from core.model.bodies.base import BODIES, Place, Routed, Sight
from core.model.norms import Norm


class Part(nn.Module):
    """One residual branch: norm, body, norm after it, scale."""

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__()
        self.spec = spec
        self.norm = Norm(place.norm, place.width) if spec.norm.pre else None
        self.body = BODIES.build(spec.body, place)
        self.post_norm = Norm(place.norm, place.width) if spec.norm.post else None

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        y_BSD, routed = self.body(x_BSD, sight)
        if self.post_norm is not None:
            y_BSD = self.post_norm(y_BSD)
        return y_BSD * self.spec.scale if self.spec.scale != 1.0 else y_BSD, routed


class Layer(nn.ModuleList):
    """Parts in order. A part sees what it reads through its own norm; later parts may read what it saw."""

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__(parts)

    def parts(self) -> Iterator[Part]:
        """The parts, by their type."""
        return (part for part in self if isinstance(part, Part))

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, dict[int, Routed]]:
        """The stream after the layer, and what routed parts tell by their number."""
        stream_BSD = x_BSD
        late: list[Tensor] = []
        seen: list[Tensor] = []
        told: dict[int, Routed] = {}
        for index, part in enumerate(self.parts()):
            reads = part.spec.reads
            streams = {"stream": stream_BSD, "layer_input": x_BSD}
            source = streams[reads] if isinstance(reads, str) else seen[reads]
            seen.append(source if part.norm is None else part.norm(source))
            y_BSD, routed = part(seen[-1], sight)
            if routed is not None:
                told[index] = routed
            if part.spec.joins == "now":
                stream_BSD = stream_BSD + y_BSD
            else:
                late.append(y_BSD)
        for y_BSD in late:
            stream_BSD = stream_BSD + y_BSD
        return stream_BSD, told
