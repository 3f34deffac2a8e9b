"""Whole layers as experts: their routing is traced, and their router is overridden as any other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.analysis.shows import SHOWS
from core.analysis.summary import summary
from core.data.base import Batch
from core.design.override import Override
from core.model.build import build
from core.model.model import Model
from core.model.passing import Output, Pass
from core.trace.collect import collect
from core.trace.override import OverrideError, overrides
from core.trace.record import read, write
from tests.core.model.bodies.test_routed_block import design
from tests.support import inputs_for

EXAMPLES = 12
TASK_B = np.arange(EXAMPLES) % 3


def model_of(**router: object) -> tuple[Model, Tensor]:
    model = build(design(copies=4, **router), seed=5).eval()
    return model, inputs_for(model.design, EXAMPLES)


@torch.no_grad()
def run(model: Model, inputs: Tensor) -> Output:
    return model(inputs, Pass(record="full", task_id=torch.from_numpy(TASK_B)))


def same(one: Output, other: Output) -> bool:
    return all(torch.equal(one.logits[head], other.logits[head]) for head in one.logits)


def test_a_trace_has_the_copies_that_tasks_were_given(tmp_path: Path) -> None:
    model, inputs = model_of()
    batch = Batch(inputs.numpy(), {}, (TASK_B % 2).astype(np.int16), np.arange(EXAMPLES), TASK_B)
    trace = collect(
        model,
        [batch],
        domains=("one", "two"),
        nll=lambda output, batch: torch.zeros(len(batch)),
        run="r",
        step=0,
        progress=0.5,
        seed=1,
    )
    write(tmp_path / "1.npz", trace)
    [layer] = read(tmp_path / "1.npz").layers
    assert layer.header.scope == "task"
    told = run(model, inputs).records[layer.path]
    np.testing.assert_array_equal(layer.expert, told.selected_TK)
    # All tokens of a task have the same copies.
    for task in range(3):
        assert len(np.unique(layer.expert[trace.tokens.task == task], axis=0)) == 1
    copies = sum(p.numel() for name, p in model.named_parameters() if ".copies." in name)
    assert layer.header.expert_bytes == (4 * copies // 4,) * 4
    [figures] = summary(trace)
    assert sum(figures["load"]) == (layer.expert >= 0).sum()
    [by_task] = SHOWS["tasks"].of(trace)
    assert (by_task.counts_GE.sum(axis=1) == len(layer.expert) / 3).all()


def test_a_copy_that_is_off_is_given_to_no_task_and_one_that_is_on_to_all() -> None:
    model, inputs = model_of()
    [path] = run(model, inputs).records
    before = run(model, inputs)
    picked = int(before.records[path].selected_TK[0, 0])
    with overrides(model, {path: Override()}):
        assert same(run(model, inputs), before)
    with overrides(model, {path: Override(suppress=(picked,))}):
        after = run(model, inputs)
        assert not (after.records[path].selected_TK == picked).any()
        assert not same(after, before)
    other = (picked + 1) % 4
    with overrides(model, {path: Override(force=(other,))}):
        assert (run(model, inputs).records[path].selected_TK == other).any(1).all()
    assert same(run(model, inputs), before)
    with overrides(model, {path: Override(suppress=(0, 1, 2, 3))}) as notes:
        assert "has 0 of its 4 experts left" in notes[0]
        assert torch.isfinite(next(iter(run(model, inputs).logits.values()))).all()


def test_what_a_bank_of_whole_layers_cannot_do_is_refused_in_words() -> None:
    model, inputs = model_of()
    [path] = run(model, inputs).records
    with (
        pytest.raises(
            OverrideError, match=r"decides for a whole task at once.*To fix this, let it hold for all tokens"
        ),
        overrides(model, {path: Override(suppress=(1,), scope="decode")}),
    ):
        pass
    with (
        pytest.raises(OverrideError, match="has experts 0 to 3"),
        overrides(model, {path: Override(bias={4: 1.0})}),
    ):
        pass
