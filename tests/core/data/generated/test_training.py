"""Generated data trains: a starter matched to it takes a few steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.generated.base import Generated
from core.data.registry import GENERATED
from core.design.edits import apply
from core.design.facts import Event, MetricsRow
from core.design.match import match_task
from core.design.plan import Plan
from core.design.presets.registry import preset
from core.design.spec import Design
from core.train.run import train

STARTERS = {"table": "tabular", "image": "digits-vit"}


@pytest.mark.parametrize("made", GENERATED, ids=lambda made: made.name)
def test_a_starter_trains_on_it(made: Generated, tmp_path: Path) -> None:
    data = replace(made, n_train=min(made.n_train, 192), n_held_out=48).open()
    starter = preset(STARTERS[data.facts.kind])
    edit = match_task(starter, data.facts)
    assert edit is not None
    design = apply(starter, edit)
    assert isinstance(design, Design)
    plan = Plan(steps=4, batch=16, log_every=2, evaluate_every=4, evaluate_examples=8)
    plan = plan.replaced(threads=1, execution="sparse", data=data.facts.name)
    (tmp_path / "design.json").write_text(design.model_dump_json())
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    said: list[MetricsRow | Event] = []
    assert train(tmp_path, design, plan, data, emit=said.append, wanted=lambda: "run") == "done"
    rows = [row for row in said if isinstance(row, MetricsRow)]
    assert rows[-1].held_out["loss"] > 0
    assert set(rows[-1].domain_expert) == {layer.path for layer in rows[-1].layers}
