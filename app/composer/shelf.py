"""Presets and drafts as cards and rows: names, sizes, when they changed."""

import time
from collections.abc import Sequence
from functools import cache

import pandas as pd

from app.composer.desk import read
from components.gallery.mount import Card
from components.words import humanise, plural
from core.cost.count import count
from core.cost.format import ago, letters
from core.design.bodies.moe import Moe
from core.design.presets.registry import PRESETS, preset
from core.design.spec import Design
from storage.records import Draft


def names(kind: str) -> tuple[str, ...]:
    """Presets of a kind, in the order of the registry."""
    return tuple(entry.name for entry in PRESETS if entry.kind == kind)


@cache
def cards(kind: str) -> tuple[tuple[Card, Design], ...]:
    """Cards of all presets of a kind; presets do not change while the studio runs."""
    return tuple(
        (Card(name, preset(name).name, note(preset(name)), sizes(preset(name))), preset(name))
        for name in names(kind)
    )


def note(design: Design) -> str:
    """`32 layers, 8 experts, top-2`; the widest MoE layer speaks for all."""
    layers = plural(design.depth, "layer")
    banks = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
    if not banks:
        return f"{layers}, dense"
    bank = max(banks, key=lambda body: body.count)
    shared = sum(group.count for group in bank.shared)
    words = [layers, plural(bank.count, "expert"), f"top-{bank.per_token:g}"]
    return ", ".join(words + ([f"{shared} shared"] if shared else []))


def sizes(design: Design) -> str:
    """`46.7 B total · 12.9 B active`."""
    counts = count(design)
    return f"{letters(counts.total)} total · {letters(counts.active('R1'))} active"


def describe_starter(design: Design) -> str:
    """What the first card says: sizes of the design, and what it is for."""
    return f"{note(design).capitalize()}; {sizes(design)}. Small enough to train on this machine."


def table(found: Sequence[Draft]) -> pd.DataFrame:
    """Drafts as rows."""
    now = time.time()
    designs = [read(draft.design) for draft in found]
    return pd.DataFrame(
        {
            "Design": [draft.name for draft in found],
            "Task": [humanise(design.task.kind) for design in designs],
            "Layers": [note(design) for design in designs],
            "Total": [letters(count(design).total) for design in designs],
            "Active": [letters(count(design).active("R1")) for design in designs],
            "Changed": [ago(now - draft.updated_at) for draft in found],
        }
    )
