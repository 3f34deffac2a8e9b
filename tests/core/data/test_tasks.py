"""Which data name the task of an example: several heads, domains of text, one question each."""

import json
from pathlib import Path

import numpy as np

from core.data.builtin.digits import open_digits
from core.data.builtin.digits_tasks import HEADS, SCRAMBLED, TURNED, open_digits_tasks
from core.data.builtin.tables import open_table
from core.data.columns import Column
from core.data.ingest import Options, ingest
from core.data.load import load, sources
from core.data.table import build_table
from core.data.text import build_text
from tests.core.data.files import WORDS, upload


def test_the_task_of_text_is_its_domain() -> None:
    files = {name: [(f"{i}.txt", WORDS * 30) for i in range(10)] for name in ("a", "b")}
    two, one = build_text("t", "T", files), build_text("t", "T", {"a": files["a"]})
    assert two.facts.task_names == ("a", "b")
    batch = two.batch(0, seed=0, size=6, context=16)
    assert np.array_equal(batch.task_id, batch.domain)
    assert all(np.array_equal(p.task_id, p.domain) for p in two.held_out(3, context=16))
    assert not one.facts.has_task_id
    assert one.batch(0, seed=0, size=6, context=16).task_id is None


def test_a_table_of_several_targets_draws_a_task_for_each_example() -> None:
    rng = np.random.default_rng(0)
    columns = [Column(name, rng.standard_normal(60)) for name in ("x", "y", "z")]
    both, one = (build_table("t", "T", columns, targets) for targets in (["y", "z"], ["z"]))
    assert both.facts.task_names == ("y", "z")
    batch, again = (both.batch(2, seed=1, size=40, context=1) for _ in range(2))
    assert np.array_equal(batch.task_id, again.task_id)
    assert set(batch.task_id.tolist()) == {0, 1}
    assert not any(np.isnan(target).any() for target in batch.targets.values())
    assert not one.facts.has_task_id
    assert open_table("iris").facts.task_names == ()


def test_stored_data_from_before_tasks_offer_them(tmp_path: Path) -> None:
    rows = b"x,y,z\n" + b"".join(b"%d,%d,%d\n" % (i, i % 3, i % 2) for i in range(60))
    facts = ingest(upload("rows.csv", rows), tmp_path, Options(kind="table", targets=("y", "z")))
    assert facts.has_task_id
    path = tmp_path / "datasets" / facts.name / "facts.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "has_task_id": False}))
    assert load(facts.name, tmp_path).facts.task_names == ("y", "z")
    (listed,) = (source.facts for source in sources(tmp_path) if source.name == facts.name)
    assert listed is not None
    assert listed.has_task_id


def test_every_picture_is_asked_each_question_once() -> None:
    data = open_digits_tasks()
    names = [head.name for head in HEADS]
    assert data.facts.task_names == data.facts.domains == tuple(names)
    batch = data.batch(1, seed=3, size=300, context=1)
    answered = np.stack([t >= 0 if t.dtype.kind == "i" else ~np.isnan(t) for t in batch.targets.values()], 1)
    assert list(batch.targets) == names
    assert (answered.sum(1) == 1).all()
    assert np.array_equal(answered.argmax(1), batch.task_id)
    assert set(data.sizes().values()) == {1797}


def test_a_picture_is_held_out_for_all_questions_or_none() -> None:
    data, digits = open_digits_tasks(), open_digits()
    held = data.examples.held_out.reshape(len(HEADS), -1)
    assert (held == digits.examples.held_out).all()
    images = data.examples.inputs.reshape(len(HEADS), -1, 8, 8)
    plain = digits.examples.inputs[..., 0]
    turned = data.examples.targets["upside_down"].reshape(len(HEADS), -1)[TURNED] == 1
    for question in range(len(HEADS)):
        turn = turned if question == TURNED else np.zeros(len(plain), bool)
        assert np.array_equal(images[question], np.where(turn[:, None, None], plain[:, ::-1, ::-1], plain))
    assert abs(turned.mean() - 0.5) < 0.01


def test_two_questions_contradict_each_other() -> None:
    assert sorted(SCRAMBLED) == list(range(10))
    assert all(name != digit for digit, name in enumerate(SCRAMBLED))
    targets = open_digits_tasks().examples.targets
    digit, scrambled = (targets[name][targets[name] >= 0] for name in ("digit", "scrambled"))
    assert np.array_equal(scrambled, np.array(SCRAMBLED)[digit])


def test_brightness_is_the_mean_of_the_shades() -> None:
    data = open_digits_tasks()
    mean, deviation = data.scales["brightness"]
    (part,) = (p for p in data.held_out(50, context=1) if data.facts.domains[p.domain[0]] == "brightness")
    assert np.allclose(part.targets["brightness"] * deviation + mean, part.inputs.mean((1, 2, 3)), atol=1e-5)
