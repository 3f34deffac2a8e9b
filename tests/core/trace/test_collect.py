"""Collecting: the trace says what the model did."""

import numpy as np
import torch

from core.analysis.load import load
from core.model.build import build
from core.model.passing import Pass
from core.trace.collect import collect, expert_bytes, padded
from core.trace.record import Trace
from tests.core.train.tiny import text_data, tiny_design


def traced(model, batches, domains: tuple[str, ...] = ("vowels", "digits")) -> Trace:
    """A trace whose loss is the number of the example."""
    return collect(
        model,
        batches,
        domains=domains,
        nll=lambda output, batch: torch.arange(len(batch)).float(),
        run="r",
        step=3,
        progress=0.5,
        seed=1,
    )


def test_the_trace_says_what_the_model_did() -> None:
    model, batches = build(tiny_design()), text_data().held_out(3, context=8)
    trace = traced(model, batches)
    assert model.training
    tokens, (layer,) = trace.tokens, trace.layers
    assert (trace.header.checkpoint, trace.header.tokens, layer.experts, layer.expert.shape) == (
        3,
        48,
        4,
        (48, 2),
    )
    assert tokens.sequence.tolist() == np.repeat(np.arange(6), 8).tolist()
    assert tokens.position.tolist() == list(range(8)) * 6
    assert tokens.domain.tolist() == [0] * 24 + [1] * 24
    assert tokens.nll.tolist() == np.repeat([0, 1, 2, 0, 1, 2], 8).tolist()
    model.eval()
    for half, batch in enumerate(batches):
        rows = slice(24 * half, 24 * half + 24)
        passing = Pass(step=3, progress=0.5, seed=1, record="full")
        record = model(torch.from_numpy(batch.inputs), passing).records["decoder.0.1"]
        np.testing.assert_array_equal(layer.expert[rows], record.selected_TK)
        np.testing.assert_array_equal(load(layer.expert[rows], layer.accepted[rows], 4), record.counts_E)
        np.testing.assert_allclose(layer.weight[rows], record.weight_TK, atol=1e-3)
        np.testing.assert_allclose(layer.probability[rows], record.probability_TE, atol=1e-3)
        np.testing.assert_array_equal(layer.entropy[rows], record.entropy_T)
    assert (layer.margin > 0).all()


def test_expert_bytes_are_those_of_the_built_bank() -> None:
    model = build(tiny_design())
    (body,) = (o.body for o in model.design.occurrences() if o.body.kind == "moe")
    bank = sum(p.numel() for name, p in model.named_parameters() if ".experts." in name)
    assert sum(expert_bytes(body, model.design)) == 4 * bank
    assert len(set(expert_bytes(body, model.design))) == 1


def test_rows_of_different_length_are_padded() -> None:
    rows = padded([np.array([[1]]), np.array([[2, 3]])], -1)
    assert rows.tolist() == [[1, -1], [2, 3]]
