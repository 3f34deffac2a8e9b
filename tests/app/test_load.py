"""The drawing coloured by measured load: only by a run of this very design, and else with the reason."""

import numpy as np
import pytest

from app import state
from app.composer import load
from components.canvas.heat import Heat
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.presets.registry import preset
from core.trace.newest import newest_trace
from core.trace.record import read
from storage import database, files
from tests.app import seed


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    root = tmp_path_factory.mktemp("load")
    return database.open(root), seed.seed(root)


@pytest.fixture
def shown(monkeypatch, studio):
    """Make a run the open one."""
    return lambda name: monkeypatch.setattr(state, "run_id", lambda: studio[1].get(name, name))


def moes(design):
    return [p.pointer for p in design.parts() if isinstance(p.part.body, Moe)]


def test_the_load_of_the_open_run(studio, shown):
    db, ids = studio
    shown("done")
    design = preset("starter")
    heat = load.load_of(db, design, moes(design))
    assert isinstance(heat, Heat)
    trace = read(newest_trace(files.folder(db.root, "runs", ids["done"])))
    total = sum(
        np.bincount(layer.expert[layer.accepted & (layer.expert >= 0)], minlength=layer.experts)
        for layer in trace.layers
    )
    ratios = total / total.mean()
    texts = [text for _, text in heat.values.values()]
    assert texts == [f"{ratio:.1f}\u2009×" for ratio in ratios]
    assert {int(box.rsplit("@", 1)[1]) for box in heat.dead} == set(np.flatnonzero(total == 0))
    assert load.load_of(db, design, []).values == {}


@pytest.mark.parametrize("run", [None, "gone"])
def test_without_a_run_it_says_what_to_do(studio, shown, run):
    shown(run)
    assert load.load_of(studio[0], preset("starter"), []) == load.UNTRAINED


def test_another_design_than_the_one_that_was_trained(studio, shown):
    shown("done")
    design = preset("starter")
    changed = apply(design, SetValue(path=f"{moes(design)[0]}/body/experts/0/count", value=16))
    assert load.load_of(studio[0], changed, moes(design)) == load.UNTRAINED
    renamed = design.model_copy(update={"name": "Another name"})
    assert isinstance(load.load_of(studio[0], renamed, moes(design)), Heat)


def test_a_run_without_a_trace_and_one_that_is_damaged(studio, shown):
    db, ids = studio
    design = preset("starter")
    bare = next(name for name in ids if newest_trace(files.folder(db.root, "runs", ids[name])) is None)
    shown(bare)
    assert load.load_of(db, design, moes(design)) == load.UNTRACED
    folder = files.folder(db.root, "runs", ids[bare]) / "traces"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "9.npz").write_bytes(b"no trace")
    said = load.load_of(db, design, moes(design))
    assert isinstance(said, str)
    assert "To fix this" in said
