"""Runs whose experts are whole layers (task-level MoE, arXiv 2205.12701): trained, killed, resumed."""

from pathlib import Path

import pytest
import torch

from core.design.presets.pieces import attention, decoder, language, layer, repeat
from core.design.spec import Design
from core.model.build import build
from core.train import checkpoint
from tests.core.train.tiny import Killed, Run, killed_at

DENSE = {"kind": "dense", "expert": {"kind": "glu", "hidden": 12}}
ROUTER = {
    "scope": "task",
    "condition": {"kind": "task_embedding", "dim": 6, "hidden": 5},
    "score": {"kind": "given"},
    "modifiers": [
        {"kind": "gumbel"},
        {"kind": "temperature", "value": {"kind": "exponential", "start": 2.0, "end": 0.1}},
    ],
    "select": {"kind": "all"},
    "weigh": {"kind": "straight_through"},
    "combine": {"kind": "output_mix"},
}


def of_layers() -> Design:
    """Two domains of text as tasks, each with its own of three copies of a layer."""
    block = {"kind": "routed_block", "copies": 3, "layer": layer(attention(2), DENSE), "router": ROUTER}
    task = language(8) | {"tasks": ["vowels", "digits"]}
    return Design.model_validate({"width": 8, "task": task, "stacks": decoder(repeat(1, layer(block)))})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole"), design=of_layers())
    assert run.train() == "done"
    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return checkpoint.load(run.folder, 12).model


def test_it_learns_and_resumes_bit_by_bit(whole: Run, tmp_path: Path) -> None:
    broken = Run(tmp_path, design=of_layers())
    with pytest.raises(Killed):
        broken.train(emit=killed_at(7, broken.said))
    assert broken.train() == "done"
    assert broken.rows() == whole.rows()
    assert all(torch.equal(tensor, weights(broken)[name]) for name, tensor in weights(whole).items())
    first, last = whole.rows()[0], whole.rows()[12]
    assert last.held_out["loss"] < first.held_out["loss"]


def test_routers_and_copies_have_moved_and_the_record_counts_them(whole: Run) -> None:
    begun = dict(build(of_layers(), seed=whole.plan.seed).named_parameters())
    moved = {name for name, tensor in begun.items() if not torch.equal(tensor, weights(whole)[name])}
    assert {name for name in begun if ".router." in name or ".copies." in name} <= moved
    (counted,) = whole.rows()[12].domain_expert.values()
    # In training every copy is computed for its gradient, whatever the task.
    assert [len(set(domain)) for domain in counted] == [1, 1]
    assert all(count > 0 for domain in counted for count in domain)
    assert all(len(domain) == 3 for domain in counted)
