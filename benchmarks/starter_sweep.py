"""Which size and recipe makes the most instructive minute? The sweep behind the text starter.

    python -m benchmarks.starter_sweep [--short 15] [--full 45] [--minutes 12]

One process, one thread. Every candidate gets the same CPU time (not wall time: the machine may be shared), so
a small model takes more steps. One choice is made after the other, each on top of the best so far; then the
winner and the first candidate train for the whole budget. Score = held-out bits per byte - mean specialization
over layers (MI(domain; expert) / H(domain)): lower is better. Prints a table for benchmarks/starter_sweep.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any

import torch

from core.analysis.summary import summary
from core.data.base import Dataset
from core.data.builtin.text import open_text
from core.design.plan import Optimizer, Plan
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.model.build import build
from core.trace.collect import collect
from core.train.evaluate import evaluate, nll_of
from core.train.optimizer import make_optimizer
from core.train.step import advance, batch_of

EXPERTS, K, EXAMPLES = 8, 2, 48
#: Steps that are timed to tell how many fit into the budget, and those before them.
TIMED, WARM = 8, 3


@dataclass(frozen=True)
class Recipe:
    """One candidate."""

    width: int = 64
    layers: int = 3
    hidden: int = 128
    context: int = 64
    batch: int = 32
    rate: float = 6e-3
    beta2: float = 0.99
    balance: float = 0.01
    scores: str = "softmax"
    tied: bool = True

    def design(self) -> Design:
        """8 experts, top-2."""
        balance = [{"kind": "load_balance", "coefficient": self.balance}] if self.balance else []
        route = router(K) | {"score_function": self.scores}
        sparse = repeat(
            self.layers, layer(attention(4), moe([glu(self.hidden, EXPERTS)], route, balance=balance))
        )
        return Design.model_validate(
            {
                "width": self.width,
                "task": language(self.context),
                "embedding": {"tied": self.tied},
                "stacks": decoder(sparse),
            }
        )

    def plan(self, steps: int) -> Plan:
        """Its plan."""
        optimizer = Optimizer(rate=self.rate, beta2=self.beta2)
        return Plan(steps=steps, batch=self.batch, optimizer=optimizer, execution="sparse")


#: What is tried, one question after the other.
QUESTIONS: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = (
    ("hidden", ({"hidden": 64}, {"hidden": 32})),
    (
        "depth and width",
        ({"layers": 2}, {"layers": 4}, {"width": 96, "layers": 2}, {"width": 128, "layers": 2}),
    ),
    ("tokens a step", ({"batch": 16}, {"batch": 64}, {"context": 128, "batch": 16})),
    ("rate", ({"rate": 3e-3}, {"rate": 1e-2})),
    ("balance", ({"balance": 0.001}, {"balance": 0.0})),
    ("scores", ({"scores": "sigmoid"},)),
    ("embedding", ({"tied": False},)),
    ("beta2", ({"beta2": 0.95},)),
)


@dataclass(frozen=True)
class Outcome:
    """What a candidate reached."""

    recipe: Recipe
    steps: int
    cpu: float
    bits: float
    specialization: tuple[float, ...]
    dead: int

    @property
    def score(self) -> float:
        """Lower is better."""
        return self.bits - sum(self.specialization) / len(self.specialization)

    def row(self, question: str) -> str:
        """A line of the table: the recipe as it differs from the first candidate."""
        first = Recipe()
        changes = [
            f"{f.name} {getattr(self.recipe, f.name)}"
            for f in fields(Recipe)
            if getattr(self.recipe, f.name) != getattr(first, f.name)
        ]
        levels = " ".join(f"{value:.2f}" for value in self.specialization)
        return (
            f"| {question} | {', '.join(changes) or 'first candidate'} | {self.steps} | {self.cpu:.0f}"
            f" | {self.bits:.3f} | {levels} | {self.dead} | {self.score:.3f} |"
        )


def attempt(recipe: Recipe, dataset: Dataset, cpu_seconds: float) -> Outcome:
    """Train a candidate for a budget of CPU time and look at what came out."""
    design, domains = recipe.design(), dataset.facts.domains
    steps = fitting(recipe, dataset, cpu_seconds)
    plan = recipe.plan(steps)
    model = build(design, seed=plan.seed, execution=plan.execution)
    optimizer = make_optimizer(model, plan.optimizer)
    before = time.process_time()
    for step in range(steps):
        advance(model, optimizer, plan, batch_of(dataset, plan, model, step), len(domains), step)
    used = time.process_time() - before
    held_out = dataset.held_out(EXAMPLES * 64 // recipe.context, context=recipe.context)
    figures = evaluate(model, held_out, domains, 64, progress=1.0)
    trace = collect(
        model,
        held_out,
        domains=domains,
        nll=lambda output, batch: nll_of(model, output, batch),
        run="sweep",
        step=steps,
        progress=1.0,
        seed=0,
        probability=False,
    )
    layers = summary(trace)
    levels = tuple(layer["specialization"] for layer in layers)
    return Outcome(
        recipe, steps, used, figures["bits_per_byte"], levels, sum(layer["dead"] for layer in layers)
    )


def fitting(recipe: Recipe, dataset: Dataset, cpu_seconds: float) -> int:
    """Steps that fit into a budget of CPU time."""
    plan = recipe.plan(1000)
    model = build(recipe.design(), seed=0, execution=plan.execution)
    optimizer = make_optimizer(model, plan.optimizer)
    times = []
    for step in range(WARM + TIMED):
        before = time.process_time()
        batch = batch_of(dataset, plan, model, step)
        advance(model, optimizer, plan, batch, len(dataset.facts.domains), step)
        times.append(time.process_time() - before)
    return max(1, int(cpu_seconds / median(times[WARM:])))


def sweep(dataset: Dataset, short: float, full: float, minutes: float) -> Iterator[str]:
    """Lines of the table. The time left is kept for the two long runs at the end."""
    until = time.monotonic() + 60 * minutes - 3.5 * full
    best = attempt(Recipe(), dataset, short)
    yield best.row("")
    for question, answers in QUESTIONS:
        base = best.recipe
        for answer in answers:
            if time.monotonic() > until:
                break
            found = attempt(replace(base, **answer), dataset, short)
            yield found.row(question)
            best = min(best, found, key=lambda outcome: outcome.score)
    for recipe in (best.recipe, Recipe()):
        yield attempt(recipe, dataset, full).row("whole budget")


def main() -> None:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", type=float, default=15, help="CPU seconds of a candidate")
    parser.add_argument("--full", type=float, default=45, help="CPU seconds of the long runs")
    parser.add_argument("--minutes", type=float, default=12, help="wall clock, about")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| question | recipe | steps | CPU s | bits/byte | specialization by layer | dead | score |")
    print("|---|---|---|---|---|---|---|---|")
    for line in sweep(open_text(), args.short, args.full, args.minutes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
