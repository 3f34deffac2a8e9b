"""Seconds from a typed text to what every layer does with its tokens: the question `inspect`, model loaded.

The text starter as it is built: training changes which experts take a token, not how many.

    PYTHONPATH=. python benchmarks/inspector.py [--rounds 9]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from core.data.load import load
from core.design.presets.registry import plan_for, preset
from core.model.build import build
from core.probe.subject import Subject, ask

TEXT = "def area(width, height):\n    return width * height\n"
SIZES = (128, 500, 2000)


def main() -> None:
    """Print a row for each length of text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    model = build(preset("starter")).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        data = load("text", Path(folder))
        subject = Subject(Path("starter"), model.design, plan_for("starter"), model, 0, lambda: data)
        taken: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(rounds + 1):
            for size, seconds in taken.items():
                text, since = (TEXT * (1 + size // len(TEXT)))[:size], time.perf_counter()
                ask(subject, "inspect", {"text": text})
                seconds.append(time.perf_counter() - since)
    print("| bytes of text | median s | longest s |\n|---|---|---|")
    for size, (_, *seconds) in taken.items():  # the first loads
        print(f"| {size} | {statistics.median(seconds):.3f} | {max(seconds):.3f} |")


if __name__ == "__main__":
    main()
