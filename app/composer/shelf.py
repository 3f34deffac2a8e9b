"""Presets and drafts as cards and rows: names, sizes, when they changed."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pandas as pd

from app.composer.desk import read
from components.gallery.fingerprint import packed
from components.gallery.mount import Card
from components.words import humanise, plural
from core.cost.count import count
from core.cost.format import ago, letters
from core.design.bodies.moe import Moe
from core.design.presets.methods import Method, method, methods, with_method
from core.design.presets.registry import PRESETS, describe, preset
from core.design.rules import faults
from core.design.spec import Design
from storage.records import Draft

#: The four of the Start page: few experts, many, more, and the deepest.
SHOWN = ("mixtral-8x7b", "olmoe-1b-7b", "qwen3-30b-a3b", "deepseek-v3")
PUBLISHED, METHODS, STARTERS = "Published architectures", "Routing methods of papers", "Starters"


def names(kind: str) -> tuple[str, ...]:
    """Presets of a kind, in the order of the registry."""
    return tuple(entry.name for entry in PRESETS if entry.kind == kind)


def design_of(key: str) -> Design:
    """The design of a card: a preset, or a small one with a method written over its first MoE layer."""
    group, _, name = key.partition("/")
    return preset(name) if group == "preset" else with_method(method(name))


@cache
def shown() -> tuple[Card, ...]:
    """The cards of the Start page."""
    cards = (_card(f"preset/{name}", preset(name), preset(name).name) for name in SHOWN)
    return tuple(replace(card, note=card.note.partition(", ")[2]) for card in cards)


@cache
def everything() -> tuple[Card, ...]:
    """Published architectures, methods, starters; none of them changes while the studio runs."""
    published = (_of_preset(name, PUBLISHED) for name in names("published"))
    starters = (_of_preset(name, STARTERS) for name in names("starter"))
    return (*published, *map(_of_method, methods()), *starters)


def _of_preset(name: str, group: str) -> Card:
    entry, design = describe(name), preset(name)
    card = _card(f"preset/{name}", design, design.name)
    # A published title starts with the name, which the card says already.
    line = entry.title.partition(": ")[2] if group == PUBLISHED else entry.title
    return _told(card, group, f"{line[:1].upper()}{line[1:]}", entry.source)


def _of_method(entry: Method) -> Card:
    card = _card(f"method/{entry.name}", with_method(entry), entry.title)
    return _told(card, METHODS, entry.summary, entry.source)


def _told(card: Card, group: str, line: str, source: str) -> Card:
    """A card with what it is known for, whence, and whether the studio trains it as it is."""
    trains = not any(problem.severity == "error" for problem in faults(design_of(card.key), stage="train"))
    return replace(
        card,
        group=group,
        line=line,
        source=_called(source),
        link=link(source),
        badge="Trains here" if trains else "Not trained yet" if group == METHODS else "",
        # The proxy of a method that is not built would be without the very method.
        shrinks=group == PUBLISHED,
    )


def _card(key: str, design: Design, name: str) -> Card:
    return Card(key, name, design.name, note(design), sizes(design), count(design).total, packed(design))


def link(source: str) -> str:
    """Where a source stands on the web; empty where nowhere. Only the user ever follows it."""
    if source.startswith("arXiv "):
        return f"https://arxiv.org/abs/{source.removeprefix('arXiv ')}"
    return f"https://{source}" if "/" in source else ""


def _called(source: str) -> str:
    """`arXiv 2401.04088`, or `Model card` of a long address."""
    return "Model card" if source.startswith("huggingface.co/") else source


def note(design: Design) -> str:
    """`32 layers, 8 experts, top-2`; the widest MoE layer speaks for all."""
    if not design.depth:
        return "no layers yet"
    layers = plural(design.depth, "layer")
    banks = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
    if not banks:
        return f"{layers}, dense"
    bank = max(banks, key=lambda body: body.count)
    shared = sum(group.count for group in bank.shared)
    words = [layers, plural(bank.count, "expert"), _chosen(bank)]
    return ", ".join(words + ([f"{shared} shared"] if shared else []))


def _chosen(bank: Moe) -> str:
    """How many experts a token gets: `top-2`, `about 2 a token`, `all a token`."""
    used = f"{bank.per_token:g}"
    if hasattr(bank.router.select, "k"):
        return f"top-{used}"
    if bank.router.select.ragged:
        return f"about {used} a token"
    return "all a token" if bank.per_token == bank.count else f"{used} a token"


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
