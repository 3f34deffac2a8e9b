"""Which size and recipe makes the most instructive minute? The sweep behind the text starter.

    python -m benchmarks.starter_sweep [--short 8] [--full 45] [--minutes 12] [--start JSON] [--after NAME]

One process, one thread. Every candidate gets the same budget, in quiet CPU time: as many steps as would fit
if each cost what the fastest of some did, because CPU time too grows on a machine that others use. One choice
is made after the other, each on top of the best so far; then the winner trains for the whole budget, and the
first candidate beside it. Score = held-out bits per byte - mean specialization over layers, MI(domain;
expert) / H(domain): lower is better. Prints the table that benchmarks/starter_sweep.md records.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
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
TIMED, WARM = 10, 2


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
        "depth",
        ({"layers": 2}, {"layers": 4}, {"width": 96, "layers": 2}, {"width": 128, "layers": 2}),
    ),
    ("tokens a step", ({"batch": 16}, {"batch": 64}, {"context": 128, "batch": 16})),
    ("rate", ({"rate": 3e-3}, {"rate": 1e-2})),
    ("balance", ({"balance": 0.0}, {"balance": 0.001}, {"balance": 0.03}, {"balance": 0.1})),
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
    """Steps that fit into a budget of quiet CPU time."""
    plan = recipe.plan(1000)
    model = build(recipe.design(), seed=0, execution=plan.execution)
    optimizer = make_optimizer(model, plan.optimizer)
    times = []
    for step in range(WARM + TIMED):
        before = time.process_time()
        batch = batch_of(dataset, plan, model, step)
        advance(model, optimizer, plan, batch, len(dataset.facts.domains), step)
        times.append(time.process_time() - before)
    return max(1, int(cpu_seconds / min(times[WARM:])))


def sweep(
    dataset: Dataset, start: Recipe, after: str, short: float, full: float, minutes: float
) -> Iterator[str]:
    """Lines of the table. No new candidate begins when the minutes are over."""
    until = time.monotonic() + 60 * minutes
    names = [name for name, _ in QUESTIONS]
    best = attempt(start, dataset, short)
    yield best.row("")
    for question, answers in QUESTIONS[names.index(after) + 1 if after else 0 :]:
        base = best.recipe
        for answer in answers:
            if time.monotonic() > until:
                break
            found = attempt(replace(base, **answer), dataset, short)
            yield found.row(question)
            best = min(best, found, key=lambda outcome: outcome.score)
    for recipe in dict.fromkeys((best.recipe, Recipe())) if full else ():
        yield attempt(recipe, dataset, full).row("whole budget")


def main() -> None:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", type=float, default=8, help="quiet CPU seconds of a candidate")
    parser.add_argument(
        "--full", type=float, default=45, help="the same of the long runs at the end, 0 for none"
    )
    parser.add_argument("--minutes", type=float, default=12, help="wall clock, about")
    parser.add_argument(
        "--start", type=json.loads, default={}, help="how the first candidate differs, as JSON"
    )
    parser.add_argument("--after", default="", help="begin after this question")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| question | recipe | steps | CPU s | bits/byte | specialization by layer | dead | score |")
    print("|---|---|---|---|---|---|---|---|")
    start = Recipe(**args.start)
    for line in sweep(open_text(), start, args.after, args.short, args.full, args.minutes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
