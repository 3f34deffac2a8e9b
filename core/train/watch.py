"""What is worth a word while a run trains: a loss that jumps, an expert that comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from core.design.facts import Event, LayerRouting

#: Rows that make up what the loss was lately, and how far above it a row must be to be called a jump.
MEMORY, JUMP = 8, 1.5


@dataclass
class Watch:
    """Remembers the last losses and which experts stood idle."""

    losses: list[float] = field(default_factory=list)
    idle: dict[str, list[int]] = field(default_factory=dict)

    def look(self, step: int, loss: float, layers: Sequence[LayerRouting]) -> Iterator[Event]:
        """Events of one row."""
        usual = median(self.losses) if len(self.losses) == MEMORY else None
        if usual is not None and loss > JUMP * usual:
            text = f"Loss jumped from about {usual:.2f} to {loss:.2f}."
            yield Event(step=step, kind="loss_spike", text=text)
        self.losses = [*self.losses, loss][-MEMORY:]
        for layer in layers:
            idle = [e for e, load in enumerate(layer.load) if load == 0]
            for expert in sorted(set(self.idle.get(layer.path, [])) - set(idle)):
                text = f"Expert {expert} of {layer.path} gets tokens again."
                yield Event(step=step, kind="revived", text=text)
            self.idle[layer.path] = idle

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"losses": self.losses, "idle": self.idle}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Watch:
        """What `to_json` wrote."""
        return cls(list(data["losses"]), dict(data["idle"]))
