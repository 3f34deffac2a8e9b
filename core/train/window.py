"""Sums between two rows of the record. N domains, E experts.

They are part of a checkpoint, so a run that was interrupted writes the same rows as one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.analysis.load import cv, dead, drop_rate, max_violation
from core.design.facts import LayerRouting
from core.model.routing.record import RoutingRecord
from core.train.objective import HeadLoss

Array = npt.NDArray[Any]


@dataclass
class Window:
    """Losses by name, losses by head and domain, and routing counts since the last row."""

    steps: int = 0
    tokens: int = 0
    parts: dict[str, float] = field(default_factory=dict)
    #: By head: sum of losses and number of labels of each domain, [2, N].
    domains: dict[str, Array] = field(default_factory=dict)
    #: By path: accepted assignments [N, E], and how many were selected before capacity.
    counts: dict[str, Array] = field(default_factory=dict)
    selected: dict[str, int] = field(default_factory=dict)
    #: By path of a soft layer: summed shares of its experts [N, E].
    shares: dict[str, Array] = field(default_factory=dict)

    def add(
        self, losses: Mapping[str, float], heads: Sequence[HeadLoss], domain: Array, domains: int, tokens: int
    ) -> None:
        """One step: `losses` by name, and every head's loss of every example."""
        self.steps += 1
        self.tokens += tokens
        for name, loss in losses.items():
            self.parts[name] = self.parts.get(name, 0.0) + loss
        for head in heads:
            loss_B, labelled_B = (value.double().numpy() for value in head.by_example())
            sums = np.stack([np.bincount(domain, each, domains) for each in (loss_B, labelled_B)])
            self.domains[head.head.name] = self.domains.get(head.head.name, 0.0) + sums

    def route(self, records: Mapping[str, RoutingRecord]) -> None:
        """One step's counts; of soft layers, which have none, the shares."""
        for path, found in records.items():
            if found.counts_NE is None or found.selected_E is None:
                assert found.share_NE is not None
                self.shares[path] = self.shares.get(path, 0.0) + _array(found.share_NE.double())
                continue
            self.counts[path] = self.counts.get(path, 0) + _array(found.counts_NE)
            self.selected[path] = self.selected.get(path, 0) + int(found.selected_E.sum())

    def means(self) -> dict[str, float]:
        """Mean of each loss."""
        return {name: total / self.steps for name, total in self.parts.items()}

    def domain_loss(self, names: tuple[str, ...], weights: Mapping[str, float]) -> dict[str, float]:
        """Weighted sum over heads of the mean loss in each domain; domains without a label are left out."""
        found = {}
        for d, name in enumerate(names):
            each = [(weights[head], *sums[:, d]) for head, sums in self.domains.items() if sums[1, d]]
            if each:
                found[name] = float(sum(weight * loss / labels for weight, loss, labels in each))
        return found

    def layers(self) -> tuple[LayerRouting, ...]:
        """Routing figures of each layer."""
        return tuple(self._layer(path, counts_NE.sum(0)) for path, counts_NE in self.counts.items())

    def domain_expert(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """Accepted assignments [N, E] by path."""
        return {path: tuple(map(tuple, counts_NE.tolist())) for path, counts_NE in self.counts.items()}

    def domain_share(self) -> dict[str, tuple[tuple[float, ...], ...]]:
        """Mean shares [N, E] by path of a soft layer; zeros for a domain without a token."""
        found = {}
        for path, sums_NE in self.shares.items():
            whole_N1 = sums_NE.sum(1, keepdims=True)
            mean_NE = np.divide(sums_NE, whole_N1, out=np.zeros_like(sums_NE), where=whole_N1 > 0)
            found[path] = tuple(tuple(row) for row in mean_NE.round(5).tolist())
        return found

    def _layer(self, path: str, load_E: Array) -> LayerRouting:
        return LayerRouting(
            path=path,
            load=tuple(load_E.tolist()),
            cv=cv(load_E),
            max_violation=max_violation(load_E),
            dead=dead(load_E),
            drop_rate=drop_rate(int(load_E.sum()), self.selected[path]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; floats survive a JSON file bit by bit."""
        plain = {
            name: {key: array.tolist() for key, array in getattr(self, name).items()}
            for name in ("domains", "counts", "shares")
        }
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "parts": self.parts,
            "selected": self.selected,
        } | plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Window:
        """What `to_json` wrote."""
        kinds = {"domains": np.float64, "counts": np.int64, "shares": np.float64}
        # A checkpoint may be older than soft layers.
        arrays: dict[str, Any] = {
            name: {key: np.array(value, kind) for key, value in data.get(name, {}).items()}
            for name, kind in kinds.items()
        }
        return cls(data["steps"], data["tokens"], data["parts"], selected=data["selected"], **arrays)


def _array(counts: Tensor) -> Array:
    array: Array = counts.numpy()
    return array
