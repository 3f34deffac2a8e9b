"""Seconds of a step against published ones, beside the rules of other estimators, same points, same folds.

    PYTHONPATH=. python benchmarks/cost.py            a few minutes on one core

Ours: constants fitted anew without the device (or the model) that is judged. Every other rule has one
efficiency for each phase, refitted as the median of the same folds; its authors leave it to the user:

- llm-analysis (published rule): per layer max(FLOPs / F, bytes / BW), weights of all experts in every step,
  all-reduce by bytes alone.
- GenZ (published rule): per operator max(FLOPs / F, bytes / BW), weights of K experts while decoding at any
  batch, of min(K T, E) in a prefill; all-reduce by bytes alone.
- active only, all experts: max(2 active T / F, bytes / BW) of the whole model, as calculators have it.

Where `llm_analysis` is installed (`pip install --no-deps llm-analysis`), the program itself is called too.
Rules get the exact counts of the design, so they are better here than in their programs, which do not know
most of these models.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.cost.calibrate import PHASES, Calibration, calibrate, judged, summary
from core.cost.calibration.fit import Laid
from core.cost.calibration.points import Point
from core.cost.efficiency import STACKS, table
from core.cost.network import messages
from core.cost.parts import PartCount
from core.cost.scenario import Scenario
from core.cost.spread import here, most_touched, pooled
from core.cost.stored import total_bytes
from core.cost.works import Work, works


def _rule(point: Point, experts: Callable[[float, float, float], float], by_part: bool) -> float:
    """Rooflines of operators, or of whole parts (attention, FFN), that read `experts(E, K, T)` of a layer."""
    load, on = point.load, point.on
    counts = point.counts() if load.parallel.pp > 1 else point.counts().folded()
    plan = load.parallel
    routed = {part.pointer: part for part in counts.parts if part.groups}
    passes = load.micro_batches + plan.pp - 1 if load.phase == "train" else 1
    stages = []
    for stage in works(counts, load):
        ops = [
            _reading(work, routed[work.pointer], load, experts) if work.grouped else work for work in stage
        ]
        rows = table(ops, load, on, STACKS[load.stack])
        compute, memory = rows.times * rows.flops / rows.peak, rows.times * rows.bytes / on.bandwidth
        if by_part:
            names = {pointer: i for i, pointer in enumerate(dict.fromkeys(work.pointer for work in ops))}
            index = [names[work.pointer] for work in ops]
            compute, memory = np.bincount(index, compute), np.bincount(index, memory)
        stages.append(float(np.maximum(compute, memory).sum()))
    sent = sum(m.times * m.inside / (on.link or on.pcie) for m in messages(counts, load, on))
    run = max(stages) if load.phase == "train" else sum(stages)
    return (run + sent) * passes


def _reading(
    work: Work, part: PartCount, load: Scenario, experts: Callable[[float, float, float], float]
) -> Work:
    """The experts of a layer as a rule reads them."""
    one = work.weights / sum(most_touched(part, pooled(here(load))))
    chosen, there = (sum(getattr(group, name) for group in part.groups) for name in ("rows", "experts"))
    read = experts(there, chosen, load.rows / load.parallel.dp) / load.parallel.ep
    passes = 3 if load.phase == "train" else 1
    return replace(work, bytes=work.bytes + passes * (read * one - work.weights))


def _calculator(point: Point, all_of_them: bool) -> float:
    """max(2 active T / F, bytes / BW) of the whole model on all devices together."""
    load, on, counts = point.load, point.on, point.counts()
    stored = total_bytes(counts, load.weights)
    active = counts.active("R2")
    moved = stored * (1.0 if all_of_them else active / counts.total)
    flops = (6 if load.phase == "train" else 2) * active * load.rows
    passes = (3 * load.micro_batches) if load.phase == "train" else 1
    devices = point.devices
    return max(flops / on.peak[on.compute], passes * moved / on.bandwidth) / devices


RULES: Mapping[str, Callable[[Point], float]] = {
    "llm-analysis (rule)": lambda p: _rule(p, lambda e, k, t: e, True),
    "GenZ (rule)": lambda p: _rule(
        p, lambda e, k, t: k if p.load.phase == "decode" else min(k * t, e), False
    ),
    "active only": lambda p: _calculator(p, False),
    "all experts": lambda p: _calculator(p, True),
}


def program(point: Point) -> float:
    """llm-analysis itself (PyPI, 0.2.2); E, K and the width of an expert are given to it by hand.

    Raises ImportError where it is not installed, and ValueError for what it cannot be asked.
    """
    # Its command line needs `fire`; what is called here does not.
    sys.modules.setdefault("fire", types.ModuleType("fire"))
    logging.disable(logging.WARNING)
    from llm_analysis.analysis import LLMAnalysis
    from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig, ParallelismConfig

    load, on, counts = point.load, point.on, point.counts()
    if load.phase == "train":
        raise ValueError("Training is compared by rule alone.")
    bodies = [part.placed.part.body for part in counts.parts if part.placed]
    mixer = next(body for body in bodies if hasattr(body, "heads"))
    bank = next(part for part in counts.parts if part.groups)
    width, inner = counts.design.width, bank.groups[0].hidden
    model = ModelConfig(
        point.design, counts.design.depth, mixer.heads, width, counts.design.task.heads_out[0].outputs,
        num_key_value_heads=getattr(mixer, "kv_heads", mixer.heads), ffn_embed_dim=inner,
        expansion_ratio=inner / width, moe_num_experts=bank.groups[0].experts,
        moe_top_k=round(bank.groups[0].rows),
    )  # fmt: skip
    bits = round(min(16, load.weights.matrices("expert").bits))
    peak = {form: value / 1e12 for form, value in on.peak.items()}
    plain = peak[on.compute]
    gpu = GPUConfig(
        on.name, on.memory / 1e9, on.bandwidth / 1e9, (on.link or on.pcie or 1e9) / 1e9, 8e-6, plain,
        peak.get("fp8", plain), peak.get("fp4", plain),
    )  # fmt: skip
    numbers = DtypeConfig("", bits, 8 if load.weights.name == "fp8" else 16, 16)
    it = LLMAnalysis(model, gpu, numbers, ParallelismConfig(tp_size=load.parallel.tp))
    if load.phase == "prefill":
        return it.get_latency_fwd(load.batch, load.context)[0]
    cached = it.get_memory_kv_cache_per_layer(load.batch, load.context) * counts.design.depth
    return it.get_latency_fwd(load.batch, 1)[0] + cached / on.bandwidth


def _refitted(
    mine: Sequence[Laid], raw: Mapping[str, float], key: Callable[[Point], str]
) -> dict[str, float]:
    """Estimated over published seconds of a rule whose efficiency is the median of the other groups."""
    found = {}
    for one in mine:
        rest = [raw[o.point.id] for o in mine if key(o.point) != key(one.point)]
        found[one.point.id] = raw[one.point.id] / float(np.exp(np.median(np.log(rest)))) if rest else np.nan
    return found


def _marks(ratios: Sequence[float]) -> str:
    off = np.abs(np.array(ratios) - 1)
    return " | ".join(f"{np.quantile(off, q):.0%}" for q in (0.5, 0.9, 1.0))


def _programs() -> Iterator[tuple[str, Callable[[Point], float]]]:
    """Other estimators that are installed here."""
    if importlib.util.find_spec("llm_analysis") is not None:
        yield "llm-analysis 0.2.2 (program)", program


def side_by_side(done: Calibration) -> list[str]:
    """One row for each phase and estimator."""
    lines = [
        "| phase | points | estimator | device left out: median | 90 % | worst"
        " | model left out: median | 90 % | worst |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for phase in PHASES:
        mine = judged(done, phase)
        device, model = done.ratios(done.devices, True), done.ratios(done.models, True)
        blind_d, blind_m = done.ratios(done.devices, False), done.ratios(done.models, False)
        rows = {
            "**ours**": ([device[o.point.id] for o in mine], [model[o.point.id] for o in mine]),
            "**ours, stack not given**": (
                [blind_d[o.point.id] for o in mine],
                [blind_m[o.point.id] for o in mine],
            ),
        }
        for name, rule in RULES.items() if phase == "train" else (*RULES.items(), *_programs()):
            raw = {one.point.id: rule(one.point) / one.point.seconds for one in mine}
            rows[name] = (
                list(_refitted(mine, raw, lambda p: p.device).values()),
                list(_refitted(mine, raw, lambda p: p.design).values()),
            )
        for name, (by_device, by_model) in rows.items():
            lines.append(f"| {phase} | {len(mine)} | {name} | {_marks(by_device)} | {_marks(by_model)} |")
    return lines


def main() -> None:
    """Print the comparison, then the calibration's own tables."""
    done = calibrate()
    print("\n".join(side_by_side(done)), end="\n\n")
    print("\n".join(summary(done)))


if __name__ == "__main__":
    main()
