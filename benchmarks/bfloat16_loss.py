"""Does bfloat16 in the experts' products harm learning? Loss curves of three seeds in both types.

`PYTHONPATH=. python benchmarks/bfloat16_loss.py [--steps 150] [--seeds 3]`

The text starter's data, two layers of width 64 with 4 experts of hidden width 128, top-2, in the loop's own
steps. Each seed trains twice from the same weights on the same batches; only the type of the products
differs. Slow on processors without bfloat16 instructions; the curves are the same.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import argparse
import statistics
import time
from itertools import pairwise

import torch

from benchmarks.moe_layer import processor
from core.data.base import Dataset
from core.data.builtin.text import open_text
from core.design.plan import Plan
from core.design.presets.pieces import attention, decoder, even, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.model.build import build
from core.train.evaluate import evaluate
from core.train.optimizer import make_optimizer
from core.train.step import advance, batch_of

TYPES = ("float32", "bfloat16")


def design() -> Design:
    """The model that learns."""
    bank = moe([glu(128, 4)], router(2), balance=even(0.01))
    return Design.model_validate(
        {"width": 64, "task": language(64), "stacks": decoder(repeat(2, layer(attention(4), bank)))}
    )


def curve(plan: Plan, dataset: Dataset) -> tuple[list[float], float, float]:
    """Training loss of every step, held-out loss at the end, CPU seconds."""
    start = time.process_time()
    made = design()
    model = build(made, seed=plan.seed, execution="ragged", expert_dtype=plan.expert_dtype)
    optimizer = make_optimizer(model, plan.optimizer)
    domains = len(dataset.facts.domains)
    losses = []
    for step in range(plan.steps or 0):
        batch = batch_of(dataset, plan, model, step)
        losses.append(advance(model, optimizer, plan, batch, domains, step).losses["loss"])
    batches = dataset.held_out(16, context=made.task.tokens)
    held = evaluate(model, batches, dataset.facts.domains, plan.batch, progress=1.0)
    return losses, held["loss"], time.process_time() - start


def main() -> None:
    """Prints a table of the mean training loss by fifth of the run, and of what was held out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_text()
    print(f"{processor()}; torch {torch.__version__}\n")
    fifths = [options.steps * i // 5 for i in range(6)]
    names = " | ".join(f"steps {a}-{b}" for a, b in pairwise(fifths))
    print(f"| seed | type | {names} | held out | CPU s |")
    print("|---" * 9 + "|")
    differences = []
    for seed in range(options.seeds):
        held = {}
        for name in TYPES:
            plan = Plan(steps=options.steps, batch=16, seed=seed, expert_dtype=name)
            losses, held[name], seconds = curve(plan, dataset)
            means = [statistics.mean(losses[a:b]) for a, b in pairwise(fifths)]
            cells = " | ".join(f"{mean:.4f}" for mean in means)
            print(f"| {seed} | {name} | {cells} | {held[name]:.4f} | {seconds:.0f} |", flush=True)
        differences.append(held["bfloat16"] - held["float32"])
    print(
        f"\nheld-out loss, bfloat16 - float32: mean {statistics.mean(differences):+.4f},"
        f" by seed {', '.join(f'{d:+.4f}' for d in differences)}"
    )


if __name__ == "__main__":
    main()
