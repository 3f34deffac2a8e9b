"""What holds for the trace of every routing method, on real models, and that every analysis copes with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.analysis.errors import AnalysisError
from core.analysis.reading import plain
from core.analysis.shows import SHOWS
from core.analysis.summary import summary
from core.data.base import Batch
from core.design.bodies.moe import Moe
from core.design.presets.methods import Method, method, methods, with_method
from core.design.spec import Design
from core.model.build import build
from core.trace.collect import collect
from core.trace.record import Trace, read, write
from tests.support import inputs_for

DOMAINS = ("one", "two")
#: One of each kind of selection.
KINDS = ["top-k", "switch", "top-p", "expert-choice", "soft-moe", "smear", "m3vit", "sam", "hmoe"]
#: Float16 shares of up to 64 experts.
CLOSE = 2e-2


def batches(design: Design) -> list[Batch]:
    """Two batches of four examples, of both domains; texts of 16 bytes."""
    text = design.task.kind == "language_model"
    each = [inputs_for(design, 4, seed).numpy() for seed in range(2)]
    four = np.arange(4)
    return [
        Batch(
            inputs[:, :16] if text else inputs, {}, (four % 2).astype(np.int16), four, np.zeros(4, np.int64)
        )
        for inputs in each
    ]


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """Traces that were asked for, by method."""
    return {}


def traced(chosen: Method, folder: Path, traces: dict[str, Trace]) -> Trace:
    """The trace of an untrained model, written and read again."""
    if chosen.name not in traces:
        design = with_method(chosen)
        found = collect(
            build(design, seed=1),
            batches(design),
            domains=DOMAINS,
            nll=lambda output, batch: torch.zeros(len(batch)),
            run="r",
            step=0,
            progress=0.5,
            seed=1,
        )
        write(folder / "1.npz", found)
        traces[chosen.name] = read(folder / "1.npz")
    return traces[chosen.name]


@pytest.mark.parametrize("chosen", methods(), ids=lambda one: one.name)
def test_choices_weights_and_shares(chosen: Method, tmp_path: Path, traces: dict[str, Trace]) -> None:
    trace = traced(chosen, tmp_path, traces)
    bodies = {o.path: o.body for o in with_method(chosen).occurrences() if isinstance(o.body, Moe)}
    assert [layer.path for layer in trace.layers] == list(bodies)
    for layer in trace.layers:
        router, E = bodies[layer.path].router, layer.experts
        assert (layer.entropy >= -1e-6).all()
        assert (layer.entropy <= np.log(E) + 1e-4).all()
        assert layer.probability is not None
        np.testing.assert_allclose(layer.probability.astype(float).sum(axis=1), 1, atol=CLOSE)
        if layer.soft:
            assert layer.expert.shape[1] == 0
            continue
        chosen_TK = layer.expert >= 0
        ordered = np.sort(np.where(chosen_TK, layer.expert, E + np.arange(layer.expert.shape[1])), axis=1)
        assert (np.diff(ordered, axis=1) > 0).all(), "an expert was chosen twice"
        assert layer.expert.max() < E
        assert not (layer.accepted & ~chosen_TK).any()
        assert np.isfinite(layer.weight).all()
        assert (layer.weight[~layer.accepted] == 0).all()
        assert not np.isnan(layer.margin).any()
        kept = layer.accepted.any(axis=1) & (layer.accepted == chosen_TK).all(axis=1)
        if router.weigh.kind == "renormalised":
            sums = layer.weight[kept].astype(float).sum(axis=1)
            np.testing.assert_allclose(sums, router.weigh.scale, atol=CLOSE)
        if router.select.kind == "top_k" and isinstance(router.select.k, int):
            counts = np.bincount(trace.tokens.sequence, chosen_TK.sum(axis=1))
            np.testing.assert_array_equal(counts, router.select.k * np.bincount(trace.tokens.sequence))


@pytest.mark.parametrize("name", KINDS)
def test_every_analysis_answers_or_says_why_not(name: str, tmp_path: Path, traces: dict[str, Trace]) -> None:
    trace = traced(method(name), tmp_path, traces)
    assert len(summary(trace)) == len(trace.layers)
    for show in SHOWS:
        for told in answers(trace, show):
            if "refused" in told:
                assert "To fix this" in told["refused"], show
            else:
                assert told["reading"]["shows"].endswith("."), show
                assert told["reading"]["trap"].endswith("."), show
                assert " nan" not in f"{told['reading']}", show


def answers(trace: Trace, show: str) -> list[dict[str, Any]]:
    """Results of an analysis as the command prints them; a refusal is one."""
    try:
        results: list[dict[str, Any]] = plain(SHOWS[show].of(trace))
    except AnalysisError as error:
        return [{"refused": str(error)}]
    return results
