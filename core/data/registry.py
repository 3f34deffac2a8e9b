"""Every built-in source. A new one is a file in `builtin` or `generated` and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.data.base import Dataset
from core.data.builtin.digits import open_digits
from core.data.builtin.digits_tasks import open_digits_tasks
from core.data.builtin.tables import TABLES, open_table
from core.data.builtin.text import open_text
from core.data.generated.base import Generated
from core.data.generated.easy_hard import EasyHard
from core.data.generated.eight_rules import EightRules
from core.data.generated.sequence import Sequence
from core.data.generated.skills import Skills
from core.design.facts import DataFacts, DataKind


@dataclass(frozen=True)
class Source:
    """Something to train on, known without reading it. `facts` are there for stored data sets only."""

    name: str
    title: str
    kind: DataKind
    summary: str
    open: Callable[[], Dataset]
    facts: DataFacts | None = None


GENERATED: tuple[Generated, ...] = (
    EightRules("synth8", "Eight hidden rules (generated)", "16 numbers, 6 classes, a rule for each domain"),
    EightRules(
        "synth8-overlap",
        "Eight hidden rules that overlap (generated)",
        "The same, but domains are hard to tell apart",
        separation=0.7,
    ),
    EightRules(
        "synth8-small",
        "Eight hidden rules, 600 examples (generated)",
        "The same with so few examples that models overfit",
        n_train=600,
    ),
    EasyHard(
        "easy-hard",
        "Easy and hard rules (generated)",
        "16 numbers, 2 classes; half of the domains cannot be solved by a linear map",
    ),
    Sequence(
        "synth-sequence",
        "Hidden rules over 16 tokens (generated)",
        "16 tokens, each with a class; they share one of 8 domains, which each shows faintly",
    ),
    Skills(
        "skills",
        "Six tasks of four skills (generated)",
        "16 numbers; tasks in two families, composed of four hidden operations",
    ),
    Skills(
        "skills-new",
        "A new task of known skills (generated)",
        "The data to go on with after the six tasks: 100 examples of a seventh",
        n_train=100,
        n_held_out=2_048,
        new=True,
    ),
)

BUILT_IN: tuple[Source, ...] = (
    Source("text", "Five kinds of text", "text", "English, Python, C++, arithmetic, tables", open_text),
    Source("digits", "Handwritten digits", "image", "1,797 images, 8 x 8 px, three questions", open_digits),
    Source(
        "digits-tasks",
        "Handwritten digits, one question each",
        "image",
        "The same images, each asked six questions one at a time",
        open_digits_tasks,
    ),
    *(
        Source(f"table:{name}", title, "table", summary, partial(open_table, name))
        for name, (title, summary) in TABLES.items()
    ),
    *(Source(made.name, made.title, made.kind, made.summary, made.open) for made in GENERATED),
)
