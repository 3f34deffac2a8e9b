"""Designs and data small enough to train inside a test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.data.base import Dataset
from core.data.text import build_text
from core.design.facts import Event, MetricsRow
from core.design.plan import Plan
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.train.run import Ending, train

BALANCE = [{"kind": "bias_update", "step": 0.01}, {"kind": "load_balance", "coefficient": 0.01}]


def text_data() -> Dataset:
    """Two alphabets, each a domain of its own."""
    rng = np.random.default_rng(0)
    domains = {
        name: [(f"{i}.txt", bytes(rng.choice(list(letters), 200).astype(np.uint8))) for i in range(10)]
        for name, letters in {"vowels": b"aeiou", "digits": b"0123456789"}.items()
    }
    return build_text("tiny", "Tiny", domains)


def tiny_design(**body: object) -> Design:
    """One layer of width 8, four experts of which noise picks two, a capacity and two balancers."""
    route = router(2, modifiers=[{"kind": "jitter", "epsilon": 0.1}], capacity={"train": 1.0})
    bank = moe([glu(4, 4)], route, balance=BALANCE, **body)
    return Design.model_validate(
        {"width": 8, "task": language(8), "stacks": decoder(repeat(1, layer(attention(2), bank)))}
    )


def tiny_plan(**values: object) -> Plan:
    """Resolved: twelve steps."""
    plan = Plan(steps=12, batch=4, log_every=5, evaluate_every=6, evaluate_examples=3, checkpoint_every=4)
    return plan.replaced(**{"threads": 1, "execution": "sparse"} | values)


class Run:
    """A training in a folder, with all it said."""

    def __init__(self, folder: Path, plan: Plan | None = None, design: Design | None = None) -> None:
        self.folder, self.plan, self.design = folder, plan or tiny_plan(), design or tiny_design()
        self.data = text_data()
        self.said: list[MetricsRow | Event] = []

    def train(
        self, wanted: Callable[[], str] = lambda: "run", emit: Callable[..., None] | None = None
    ) -> Ending:
        """Train on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("design", self.design), ("plan", self.plan)):
            (self.folder / f"{name}.json").write_text(content.model_dump_json())
        return train(
            self.folder,
            self.design,
            self.plan,
            self.data,
            emit=emit or self.said.append,
            wanted=wanted,
        )

    def rows(self) -> dict[int, MetricsRow]:
        """Rows by step, the later one counts, without what a clock wrote."""
        clock = {"seconds": 0.0, "tokens_per_second": None}
        rows = [said.model_copy(update=clock) for said in self.said if isinstance(said, MetricsRow)]
        return {row.step: row for row in rows}

    def events(self, kind: str) -> list[Event]:
        """Events of a kind."""
        return [said for said in self.said if isinstance(said, Event) and said.kind == kind]


class Killed(BaseException):
    """The process is gone."""


def killed_at(step: int, said: list[MetricsRow | Event]) -> Callable[..., None]:
    """An `emit` that ends everything at the first word of a step or later."""

    def emit(record: MetricsRow | Event) -> None:
        if record.step >= step:
            raise Killed
        said.append(record)

    return emit
