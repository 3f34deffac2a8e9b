"""What analyses ask of a trace: `core.trace.record.Trace` offers it, or whatever has the same arrays.

T tokens, E experts, K most choices of a token in a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from core.analysis.errors import AnalysisError
from core.analysis.load import Bools, Floats, Ints

L = TypeVar("L", bound="LayerArrays")


class TokenArrays(Protocol):
    """Arrays [T] over the tokens. `phase` is 0 for prefill; `task` and `token` are -1 where there is none."""

    @property
    def sequence(self) -> Ints: ...
    @property
    def position(self) -> Ints: ...
    @property
    def phase(self) -> Ints: ...
    @property
    def domain(self) -> Ints: ...
    @property
    def task(self) -> Ints: ...
    @property
    def token(self) -> Ints: ...


class LayerArrays(Protocol):
    """One routed layer: expert, weight, accepted [T, K]; entropy, margin [T]; probability [T, E] if kept.

    `expert` is padded with -1, and `accepted` is False there and for drops.
    """

    @property
    def path(self) -> str: ...
    @property
    def experts(self) -> int: ...
    @property
    def soft(self) -> bool: ...
    @property
    def expert(self) -> Ints: ...
    @property
    def weight(self) -> Floats: ...
    @property
    def accepted(self) -> Bools: ...
    @property
    def entropy(self) -> Floats: ...
    @property
    def margin(self) -> Floats: ...
    @property
    def probability(self) -> Floats | None: ...


class TraceArrays(Protocol):
    """A trace: domains by name, tokens, routed layers in order."""

    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def tokens(self) -> TokenArrays: ...
    @property
    def layers(self) -> Sequence[LayerArrays]: ...


def selecting(layer: L) -> L:
    """The layer again. Raises AnalysisError for a soft one, which has nothing to count."""
    if layer.soft:
        raise AnalysisError(
            f"Layer {layer.path} mixes every token into every expert, so it has no choices to count. To fix"
            " this, choose a layer that selects experts."
        )
    return layer
