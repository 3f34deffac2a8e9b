"""Base of the modifiers. Order in a router: mask, noise, temperature, score function, selection bias."""

from __future__ import annotations

from core.design.base import Choice, Spec


class Modifier(Spec):
    """Changes the router's input or its logits."""

    kind: str


MODIFIER = Choice("modifier")
