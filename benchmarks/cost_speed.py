"""How long a cost takes: one step of DeepSeek-V3, and a sweep of every device, four formats, eight batches.

Both are timed on the processor's own clock as well: other work on the machine does not lengthen that one.

    PYTHONPATH=. python benchmarks/cost_speed.py [--times 50]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.estimate import estimate
from core.cost.sweep import sweep
from core.design.presets.registry import preset
from core.design.spec import Design

FORMATS = ("bf16", "fp8", "int8", "int4")
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


def main() -> None:
    """Print a table: median and longest milliseconds on the wall, median on the processor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    times = parser.parse_args().times
    found = preset("deepseek-v3")
    apart = written_out(found)
    tables = [registry.device(name) for name in registry.names() if name != "this-cpu"]
    devices = [on for on in tables if isinstance(on, Processor)]
    cases: dict[str, tuple[Callable[[], object], int]] = {
        "decode step, batch 32 on 8 H200": (lambda: serving(found), times),
        "the same, each of 61 layers written out": (lambda: serving(apart), times),
        "training step on 64 GB200": (lambda: training(found), times),
        f"sweep: {len(devices)} devices x 4 formats x 8 batches": (lambda: everywhere(found, devices), 5),
    }
    print(f"{'':45}  median ms  longest ms  processor ms")
    for name, (run, turns) in cases.items():
        run()
        walls, clocks = zip(*(timed(run) for _ in range(turns)), strict=True)
        wall, clock = statistics.median(walls), statistics.median(clocks)
        print(f"{name:45}  {wall:9.2f}  {max(walls):10.2f}  {clock:12.2f}")
    print(f"torch loaded: {'torch' in sys.modules}")


def written_out(design: Design) -> Design:
    """The same layers, none of them in a repeat."""
    stack = design.stacks[0]
    apart = [
        repeat.model_copy(update={"times": 1, "pattern": (layer,)})
        for repeat in stack.layers
        for _ in range(repeat.times)
        for layer in repeat.pattern
    ]
    return design.model_copy(update={"stacks": (stack.model_copy(update={"layers": tuple(apart)}),)})


def serving(design: Design) -> object:
    """Time, memory, FLOPs, bytes and distinct experts of a decode step."""
    asked = estimate(design, "h200-sxm", phase="decode", batch=32, context=4096, weights="fp8", tp=8)
    return asked.step, asked.needs.total, asked.asks.flops, asked.asks.bytes, asked.asks.distinct


def training(design: Design) -> object:
    """The same of a training step."""
    asked = estimate(
        design,
        "gb200",
        phase="train",
        batch=256,
        sequence=4096,
        weights="bf16",
        ep=64,
        devices=64,
        micro_batch=1,
    )
    return asked.step, asked.needs.total, asked.asks.flops, asked.asks.bytes, asked.asks.distinct


def everywhere(design: Design, devices: list[Processor]) -> list[bool]:
    """Whether it fits, everywhere."""
    return [one.fits for one in sweep(design, devices, FORMATS, BATCHES, phase="decode", context=4096)]


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of one run: on the wall, and on the processor."""
    wall, clock = time.perf_counter(), time.process_time()
    run()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - clock)


if __name__ == "__main__":
    main()
