"""The calibration: published points as they are, a fast path that is the model, errors and bands."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.cost import gpu
from core.cost.calibration.fit import constants, fit, lay, ours, picked, weighed
from core.cost.calibration.points import kernels, points
from core.cost.calibration.priors import PRIORS
from core.cost.efficiency import FILE, fitted, read

POINTS = {point.id: point for point in points()}
#: One of each kind: a stage a device, several stages, a plan of tensors, a prefill, narrow weights, a laptop.
SOME = (
    "simumax-deepseekv2_tp1_ep4_pp2_dp4_l4_mbc8_cef",
    "mbridge-gpt-oss-120b-h100-sxmx64-bf16",
    "silicon-DeepSeek-V3/R1-h200-sxmx8-sglang-b16",
    "silicon-gpt-oss-120b-b200-sxmx1-vllm-ttft8k",
    "gptfast-mixtral-int8-tp1",
    "lcpp-dsv2lite-q40-3090-ub8",
)


def test_all_published_points_are_there():
    assert sum(not point.beside for point in points()) == 61
    assert len(kernels().seconds) == 462
    assert int(kernels().warm.sum()) == 12
    assert all(point.source and point.seconds > 0 for point in points())
    assert [point.id for point in points() if not point.fits] == [
        "llmfit-qwen3-30b-rtx2080-ncmoe36",
        "marin-megatron-grug-gb200",
    ]


@pytest.mark.parametrize(
    ("name", "seconds", "rows"),
    [
        ("simumax-deepseekv2_tp1_ep8_pp1_dp8_l4_mbc4_cef", 0.3666, 32 * 4096),
        ("silicon-DeepSeek-V3/R1-h200-sxmx8-sglang-b4", 10.264e-3, 4),
        ("lcpp-dsv2lite-q40-3090-ub64", 64 / 1802.95, 64),
        ("mbridge-Qwen3-30B-A3B-b200-sxmx8-mxfp8", 512 * 4096 / (9299 * 8), 512 * 4096),
        ("lcpp-qwen3-30b-q80-m2ultra-pp16384", 16384 / 1022.81, 16384),
        ("silicon-GLM-5-b200-sxmx8-sglang-b4-first", 0.29715, 1024),
    ],
)
def test_a_published_figure_is_seconds_of_a_step(name, seconds, rows):
    assert POINTS[name].seconds == pytest.approx(seconds)
    assert POINTS[name].load.rows == rows


@pytest.mark.parametrize("name", SOME)
def test_the_fast_path_of_the_fit_is_the_model(name):
    one = lay(POINTS[name])
    on_grid = replace(fitted(), values={**fitted().values, "together": 0.95})
    load = one.point.load
    step = gpu.step(one.point.counts(), load, one.point.on, on_grid)
    assert one.at(on_grid, one.kind, load.stack) == pytest.approx(step.seconds, rel=1e-9)


def test_constants_are_those_of_the_priors_and_stay_near_them():
    c = fitted()
    assert c.values.keys() == PRIORS.keys()
    for name, prior in PRIORS.items():
        assert abs(np.log(c.values[name] / prior.value)) < 3 * prior.spread, name
    found = json.loads(FILE.read_text(encoding="utf-8"))
    assert read(found) == c


def test_the_fit_recovers_constants_that_made_the_timings():
    """Timings made by constants that are off their priors lead the fit towards them."""
    laid = [lay(POINTS[name]) for name in SOME if "simumax" not in name]
    theta = np.log([prior.value for prior in PRIORS.values()])
    truth = {**constants(theta).values, "launch.serving": 8e-6, "memory": 0.75}
    made = replace(constants(theta), values=truth)
    again = [
        replace(one, point=replace(one.point, seconds=one.at(made, one.kind, one.point.load.stack)))
        for one in laid
    ]
    few = picked(kernels(), np.arange(len(kernels().seconds)) % 20 == 0)
    few = replace(few, seconds=ours(few, truth))
    found = fit(weighed(again), few)
    assert found.values["memory"] == pytest.approx(0.75, rel=0.03)
    assert 6.5e-6 < found.values["launch.serving"] < 8.5e-6


def test_estimates_of_published_points_are_near():
    """In sample; out of fold is what `python -m core.cost.calibrate` prints."""
    c, off = fitted(), {"decode": [], "prefill": [], "train": []}
    for point in points():
        if point.fits and not point.beside:
            step = gpu.step(point.counts(), point.load, point.on, c)
            off[point.load.phase].append(abs(step.seconds / point.seconds - 1))
    assert np.median(off["decode"]) < 0.10
    assert np.quantile(off["decode"], 0.9) < 0.25
    assert np.median(off["prefill"]) < 0.15
    assert np.median(off["train"]) < 0.10
    cold = picked(kernels(), ~kernels().warm)
    assert np.median(np.abs(ours(cold, c.values) / cold.seconds - 1)) < 0.10


def test_most_published_points_lie_in_the_band():
    c, inside = fitted(), []
    for point in points():
        if point.fits and not point.beside:
            step = gpu.step(point.counts(), point.load, point.on, c)
            inside.append(step.low <= point.seconds <= step.high)
    assert np.mean(inside) > 0.75
