"""Seconds that the analyses of a trace take: what the routing command and the Routing page compute.

Tokens of text in examples of 128, of eight domains; a layer picks by what a byte and its domain prefer, with
noise. CPU time and wall time of each analysis, median of the rounds, one thread.

    PYTHONPATH=. python benchmarks/routing_analysis.py [--tokens 100000] [--layers 8] [--experts 64] [--k 2]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from core.analysis.shows import SHOWS
from core.analysis.summary import summary
from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace, read, write

LENGTH, DOMAINS = 128, 8
TEXT = b"def area(width, height):\n    return width * height\n\n17 + 25 = 42; 9 * 8 = 72\nThe list.\n"


def make(tokens: int, layers: int, experts: int, k: int) -> Trace:
    """A trace with some structure, as training leaves it."""
    rng = np.random.default_rng(0)
    sequence = np.arange(tokens) // LENGTH
    domain = sequence % DOMAINS
    start = rng.integers(0, len(TEXT), sequence[-1] + 1)
    position = np.arange(tokens) % LENGTH
    token = np.frombuffer(TEXT, np.uint8)[(start[sequence] + position) % len(TEXT)]
    headers = [
        LayerHeader(path=f"decoder.{i}.1", experts=experts, k=k, probability=True) for i in range(layers)
    ]
    routed = []
    for header in headers:
        likes = rng.normal(size=(256, experts)), rng.normal(size=(DOMAINS, experts))
        logits = likes[0][token] + likes[1][domain] + rng.normal(size=(tokens, experts))
        expert = np.argsort(-logits, axis=1)[:, :k]
        probability = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability /= probability.sum(axis=1, keepdims=True)
        weight = np.take_along_axis(probability, expert, axis=1)
        weight /= weight.sum(axis=1, keepdims=True)
        entropy = -(probability * np.log(np.maximum(probability, 1e-30))).sum(axis=1)
        top = -np.sort(-logits, axis=1)
        routed.append(
            RoutedLayer(
                header,
                expert.astype(np.int16),
                weight.astype(np.float16),
                np.ones(expert.shape, bool),
                entropy.astype(np.float32),
                (top[:, k - 1] - top[:, k]).astype(np.float32),
                probability.astype(np.float16),
            )
        )
    zeros = np.zeros(tokens)
    names = tuple(f"domain {n}" for n in range(DOMAINS))
    return Trace(
        Header(domains=names, tokens=tokens, layers=tuple(headers)),
        Tokens(
            sequence.astype(np.int32),
            position.astype(np.int32),
            zeros.astype(np.int16),
            zeros.astype(np.int8),
            domain.astype(np.int16),
            (domain % 4).astype(np.int16),
            token.astype(np.int32),
            zeros.astype(np.float32),
        ),
        tuple(routed),
    )


def timed(what: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median CPU and wall seconds."""
    cpu, wall = [], []
    for _ in range(rounds):
        before, since = time.process_time(), time.perf_counter()
        what()
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - since)
    return statistics.median(cpu), statistics.median(wall)


def main() -> None:
    """Print a row for each analysis, and their sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("tokens", 100_000), ("layers", 8), ("experts", 64), ("k", 2), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    args = parser.parse_args()
    trace = make(args.tokens, args.layers, args.experts, args.k)
    print(f"{args.tokens:,} tokens, {args.layers} layers, {args.experts} experts, top-{args.k}")
    print("| analysis | CPU s | wall s |\n|---|---|---|")
    total = np.zeros(2)
    for name, run in {"summary": summary, **{name: show.of for name, show in SHOWS.items()}}.items():
        run(trace)  # what loads late is loaded
        took = np.array(timed(lambda run=run: run(trace), args.rounds))
        total += took
        print(f"| {name} | {took[0]:.2f} | {took[1]:.2f} |", flush=True)
    print(f"| **all** | **{total[0]:.2f}** | **{total[1]:.2f}** |")
    with tempfile.TemporaryDirectory() as folder:
        size = write(Path(folder) / "0.npz", trace)
        cpu, wall = timed(lambda: read(Path(folder) / "0.npz"), 3)
    print(
        f"reading the file, {size / 1e6:.0f} MB: {cpu:.2f} CPU s, {wall:.2f} s; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
