"""Base of the modifiers. Order in a router: mask, noise, temperature, score function, selection bias."""

from __future__ import annotations

from collections.abc import Iterator

from core.design.base import Choice, Spec, Weight


class Modifier(Spec):
    """Changes the router's input or its logits."""

    kind: str

    def weights(self) -> Iterator[Weight]:
        """Parameters it adds to the router; none by default."""
        yield from ()


MODIFIER = Choice("modifier")
