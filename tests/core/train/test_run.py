"""The loop: what it records, how it ends, and that an interruption leaves no mark."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.analysis.summary import summary
from core.data.base import mixed
from core.data.registry import BUILT_IN
from core.design.files import newest_checkpoint
from core.design.presets.pieces import dense, mlp
from core.design.spec import Design
from core.trace.newest import newest_trace, small_traces
from core.trace.record import read
from core.train import checkpoint
from core.train import step as stepping
from core.train.errors import CheckpointError, TrainingError
from core.train.objectives import single
from core.train.restore import restore
from tests.core.train.tiny import Killed, Run, killed_at, tiny_design, tiny_plan


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nothing disturbed."""
    run = Run(tmp_path_factory.mktemp("runs") / "whole")
    assert run.train() == "done"
    return run


def final(run: Run) -> dict[str, torch.Tensor]:
    """Every tensor of the last checkpoint."""
    folder = run.folder / "checkpoints" / str(run.plan.steps)
    return {
        f"{name}:{key}": tensor
        for name in (checkpoint.MODEL, checkpoint.OPTIMIZER)
        for key, tensor in load_file(folder / name).items()
    }


def assert_same(run: Run, whole: Run) -> None:
    """Bit for bit the same weights, optimizer state and record."""
    ours, theirs = final(run), final(whole)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name
    assert run.rows() == whole.rows()


def test_rows_at_the_steps_the_plan_names(whole: Run) -> None:
    rows = whole.rows()
    assert list(rows) == [0, 5, 6, 10, 12]
    assert [step for step, row in rows.items() if row.loss is not None] == [5, 10, 12]
    assert [step for step, row in rows.items() if row.held_out] == [0, 6, 12]
    row = rows[5]
    assert row.parts.keys() == {"load_balance"}
    assert row.domain_loss.keys() == {"vowels", "digits"}
    assert row.loss == pytest.approx(np.mean(list(row.domain_loss.values())), rel=1e-5)
    (layer,) = row.layers
    counts = np.array(row.domain_expert["decoder.0.1"])
    assert counts.shape == (2, 4)
    assert counts.sum(0).tolist() == list(layer.load)
    # Five steps of 4 x 8 tokens with two choices each, less what capacity dropped.
    assert sum(layer.load) == round(5 * 64 * (1 - layer.drop_rate))
    assert 0 < layer.drop_rate < 1


def test_the_rate_warms_up_and_falls(whole: Run) -> None:
    rates = [row.rate for row in whole.rows().values() if row.rate is not None]
    optimizer = whole.plan.optimizer
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(optimizer.rate * optimizer.floor)


def test_held_out_figures_of_text(whole: Run) -> None:
    held_out = whole.rows()[12].held_out
    assert held_out["bits_per_byte"] == pytest.approx(held_out["loss"] / math.log(2))
    mean = (held_out["loss/vowels"] + held_out["loss/digits"]) / 2
    assert held_out["loss"] == pytest.approx(mean)
    assert held_out["loss"] < whole.rows()[0].held_out["loss"]


def test_the_trace_at_the_end(whole: Run) -> None:
    path = newest_trace(whole.folder)
    assert path is not None
    trace = read(path)
    assert (path.stem, trace.header.run, trace.header.design) == ("12", "whole", whole.design.sha)
    assert trace.header.tokens == 2 * 3 * 8
    assert trace.tokens.nll.mean() == pytest.approx(whole.rows()[12].held_out["loss"], rel=1e-5)
    # The layer has a capacity, so what it takes depends on the batch: all domains meet in it.
    inputs = mixed(whole.data.held_out(3, context=8)).inputs
    np.testing.assert_array_equal(trace.tokens.token, inputs.ravel())
    (layer,) = summary(trace)
    assert sum(layer["load"]) == 2 * trace.header.tokens


def test_the_trace_keeps_to_its_cap(tmp_path: Path) -> None:
    small = Run(tmp_path / "small", tiny_plan(trace_tokens=40))
    small.train()
    assert read(newest_trace(small.folder)).header.tokens == 32
    least = Run(tmp_path / "least", tiny_plan(trace_tokens=1))
    least.train()
    assert read(newest_trace(least.folder)).header.tokens == 16
    none = Run(tmp_path / "none", tiny_plan(trace_tokens=0))
    none.train()
    assert newest_trace(none.folder) is None


def test_small_traces_on_the_way_are_of_the_first_tokens_of_the_last_trace(
    tmp_path: Path, whole: Run
) -> None:
    assert [step for step, _ in small_traces(whole.folder)] == sorted(whole.plan.waypoints)
    assert len(whole.plan.waypoints) > 2
    last = read(newest_trace(whole.folder))
    for step, path in small_traces(whole.folder):
        found = read(path)
        assert (found.header.checkpoint, found.header.seed) == (step, last.header.seed)
        np.testing.assert_array_equal(found.tokens.token, last.tokens.token)
        assert all(layer.probability is None for layer in found.layers)
    first = read(small_traces(whole.folder)[0][1])
    assert (first.layers[0].expert != last.layers[0].expert).any()
    none = Run(tmp_path / "none", tiny_plan(small_traces=0))
    none.train()
    assert small_traces(none.folder) == ()
    np.testing.assert_array_equal(read(newest_trace(none.folder)).layers[0].expert, last.layers[0].expert)


@pytest.mark.parametrize("step", [1, 5, 6, 8, 9, 12])
def test_killed_and_resumed_is_as_if_it_was_not(tmp_path: Path, whole: Run, step: int) -> None:
    run = Run(tmp_path / "whole")
    with pytest.raises(Killed):
        run.train(emit=killed_at(step, run.said))
    assert run.train() == "done"
    assert_same(run, whole)


@pytest.mark.parametrize("execution", ["sparse", {"decoder.0.1": "grouped"}])
def test_resumed_with_experts_in_bfloat16_is_as_if_it_was_not_killed(
    tmp_path: Path, whole: Run, execution: object
) -> None:
    plan = tiny_plan(expert_dtype="bfloat16", execution=execution)
    same, run = Run(tmp_path / "same" / "run", plan), Run(tmp_path / "killed" / "run", plan)
    assert same.train() == "done"
    with pytest.raises(Killed):
        run.train(emit=killed_at(6, run.said))
    assert run.train() == "done"
    assert_same(run, same)
    assert any(not torch.equal(tensor, final(run)[name]) for name, tensor in final(whole).items())


@pytest.mark.parametrize("after", [0, 1, 3])
def test_paused_and_resumed_is_as_if_it_was_not(
    tmp_path: Path, whole: Run, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.train.run.ASK_EVERY", 0.0)
    run = Run(tmp_path / "whole")
    answers = iter(["run"] * after + ["pause"])
    assert run.train(lambda: next(answers)) == "paused"
    assert newest_checkpoint(run.folder) == after
    assert newest_trace(run.folder) is None
    assert run.train() == "done"
    assert_same(run, whole)


def test_killed_while_a_checkpoint_is_written(
    tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every file operation of the second checkpoint."""
    for operation in range(6):
        run = Run(tmp_path / str(operation) / "whole")
        left = [100 if operation == 0 else operation]

        def sync(path: Path, left: list[int] = left) -> None:
            if path.parent.name.startswith(".8") or path.name.startswith(".8"):
                left[0] -= 1
            if left[0] <= 0:
                raise Killed

        monkeypatch.setattr(checkpoint, "sync", sync)
        # A killed process does not tidy up either.
        monkeypatch.setattr(checkpoint.shutil, "rmtree", lambda *_, **__: None)
        if operation == 0:
            monkeypatch.setattr(checkpoint, "_put", lambda *_: (_ for _ in ()).throw(Killed))
            with pytest.raises(Killed):
                run.train()
        elif operation <= 4:
            with pytest.raises(Killed):
                run.train()
        monkeypatch.undo()
        assert run.train() == "done"
        assert_same(run, whole)
        left_over = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
        assert left_over == ["12", "8"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, whole: Run) -> None:
    run = Run(tmp_path / "whole")
    with pytest.raises(Killed):
        run.train(emit=killed_at(10, run.said))
    model = run.folder / "checkpoints" / "8" / checkpoint.MODEL
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    assert newest_checkpoint(run.folder) == 4
    assert run.train() == "done"
    (event,) = run.events("damaged")
    assert (event.step, "step 8" in event.text) == (4, True)
    assert_same(run, whole)


def test_a_run_that_was_done_stays_as_it_is(tmp_path: Path, whole: Run) -> None:
    run = Run(tmp_path / "whole")
    shutil.copytree(whole.folder, run.folder)
    newest_trace(run.folder).unlink()
    assert run.train() == "done"
    assert newest_trace(run.folder) is not None
    assert_same(run, whole)


def test_stopped_keeps_what_it_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.train.run.ASK_EVERY", 0.0)
    run = Run(tmp_path / "run")
    answers = iter(["run", "run", "run", "stop"])
    assert run.train(lambda: next(answers)) == "stopped"
    assert list(run.rows()) == [0, 3]
    assert run.rows()[3].held_out
    assert restore(run.folder)[3] == 3
    assert newest_trace(run.folder).name == "3.npz"


def test_no_steps_at_all(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_plan(steps=0))
    assert run.train() == "done"
    assert list(run.rows()) == [0]
    assert restore(run.folder)[3] == 0


def test_restore_gives_the_trained_model(whole: Run) -> None:
    design, plan, model, step = restore(whole.folder)
    assert (design, plan, step, model.training) == (whole.design, whole.plan, 12, False)
    assert torch.equal(
        model.state_dict()["final_norm.weight"], final(whole)["model.safetensors:final_norm.weight"]
    )
    assert restore(whole.folder, 8)[3] == 8
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 4\. To fix this"):
        restore(whole.folder, 4)


def test_restore_refuses_what_is_no_run(tmp_path: Path, whole: Run) -> None:
    with pytest.raises(CheckpointError, match="no readable design"):
        restore(tmp_path)
    run = Run(tmp_path / "run")
    shutil.copytree(whole.folder, run.folder)
    (run.folder / "design.json").write_text(tiny_design(shared=[mlp(4)]).model_dump_json())
    with pytest.raises(CheckpointError, match="of another design"):
        restore(run.folder)
    run.plan = tiny_plan(seed=1)
    with pytest.raises(CheckpointError, match="another design or plan"):
        run.train()


def test_a_loss_that_is_no_number_ends_the_run_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run")
    monkeypatch.setattr(single, "total", explode_from(7))
    with pytest.raises(TrainingError) as caught:
        run.train()
    assert str(caught.value) == (
        "Loss became NaN at step 7, most often from a step size this high (0.003). The checkpoint of step 4"
        " is kept. To fix this, start a new run with a lower peak rate, such as 0.001."
    )
    assert newest_checkpoint(run.folder) == 4


def test_a_gradient_that_is_no_number_updates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "clipped", lambda *_: math.inf)
    run = Run(tmp_path / "run")
    with pytest.raises(
        TrainingError, match=r"The gradient became infinite at step 1,.*There is no checkpoint"
    ):
        run.train()


def test_every_kind_of_data_trains(tmp_path: Path) -> None:
    for source in (source for source in BUILT_IN if source.kind != "text"):
        data = source.open()
        facts = data.facts
        task = {"kind": "table", "features": facts.features, "heads": facts.heads}
        if facts.kind == "image":
            size = {"height": facts.height, "width": facts.width, "channels": facts.channels}
            each = "patch" if facts.labels == "token" else "image"
            task = {"kind": "image_classifier", "patch": 4, "each": each, "heads": facts.heads, **size}
        design = Design.model_validate(
            {
                "width": 8,
                "task": task,
                "stacks": [{"causal": False, "layers": [repeat_dense()], "name": "encoder"}],
            }
        )
        run = Run(tmp_path / source.name.replace(":", "-"), tiny_plan(steps=2), design)
        run.data = data
        assert run.train() == "done"
        figures = run.rows()[2].held_out
        held = data.held_out(run.plan.evaluate_examples, context=1)
        asked = [h for h in facts.heads if any((part.targets[h.name] != -1).any() for part in held)]
        wanted = {f"{'r2' if h.kind == 'value' else 'accuracy'}/{h.name}" for h in asked}
        assert wanted <= figures.keys()
        assert all(math.isfinite(value) for value in figures.values())
        assert not any(key.startswith("bits") for key in figures)


def repeat_dense() -> dict[str, object]:
    """One layer without routing."""
    return {"times": 1, "pattern": [{"parts": [{"body": dense(mlp(8))}]}]}


def explode_from(step: int):
    """A sum of losses that is NaN from a step on."""
    calls, whole_total = [0], single.total

    def total(losses):
        calls[0] += 1
        return whole_total(losses) * (math.nan if calls[0] >= step else 1)

    return total
