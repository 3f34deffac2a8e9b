"""Built-in sources: what they offer. Their bytes depend on installed versions, so no golden numbers."""

import re
import subprocess
import sys

import numpy as np
import pytest

from core.data.builtin import text as text_source
from core.data.builtin.digits import open_digits
from core.data.builtin.tables import TABLES, open_table
from core.data.builtin.text import FILE_BYTES, arithmetic, open_text
from core.data.errors import DataError
from core.data.registry import BUILT_IN, Source


@pytest.mark.parametrize("source", BUILT_IN, ids=lambda source: source.name)
def test_every_source_gives_batches_and_a_fixed_evaluation_set(source: Source) -> None:
    data = source.open()
    assert (data.facts.name, data.facts.kind, data.facts.title) == (source.name, source.kind, source.title)
    assert re.fullmatch("[0-9a-f]{64}", data.facts.fingerprint)
    batch = data.batch(5, seed=2, size=24, context=32)
    again = data.batch(5, seed=2, size=24, context=32)
    assert np.array_equal(batch.inputs, again.inputs)
    assert np.isfinite(batch.inputs).all()
    assert set(batch.targets) == {head.name for head in data.facts.heads}
    held = data.held_out(8, context=32)
    assert [int(part.domain[0]) for part in held] == list(range(len(data.facts.domains)))
    assert all(0 < len(part) <= 8 for part in held)
    assert min(data.facts.n_train, data.facts.n_held_out) > 0


def test_text_has_five_domains_of_some_hundred_thousand_bytes() -> None:
    data = open_text()
    assert data.facts.domains == ("english", "python", "cpp", "arithmetic", "tables")
    for domain in range(5):
        files = data.index.domain == domain
        assert 200_000 < data.index.length[files].sum() < 2_000_000
        assert data.index.held_out[files].sum() >= 2
        assert data.index.length[files].max() <= FILE_BYTES
    assert data.notes == ()
    assert data.facts.smallest_file > 2048


def test_arithmetic_is_right_and_always_the_same() -> None:
    assert arithmetic() == arithmetic()
    lines = b"".join(data for _, data in arithmetic(40)).decode().split()
    apply = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
    seen = set()
    for line in lines:
        match = re.fullmatch(r"(\d+)([-+*])(\d+)=(-?\d+)", line)
        assert match, line
        a, sign, b, answer = match.groups()
        assert apply[sign](int(a), int(b)) == int(answer)
        seen.add(sign)
    assert seen == set(apply)


def test_no_torch_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_source, "folder_of", lambda package: None)
    for read in (text_source.cpp, text_source.tables):
        with pytest.raises(DataError, match="To fix this, install"):
            read()


def test_loading_everything_imports_no_torch() -> None:
    code = (
        "import sys; from core.data.registry import BUILT_IN\n"
        "assert 'sklearn' not in sys.modules, 'listing sources must stay fast'\n"
        "[source.open() for source in BUILT_IN]\n"
        "assert 'torch' not in sys.modules and 'streamlit' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_digits_ask_three_questions_that_agree() -> None:
    data = open_digits()
    batch = data.batch(0, seed=0, size=200, context=16)
    digit = batch.targets["digit"]
    assert batch.inputs.shape == (200, 8, 8, 1)
    assert batch.inputs.dtype == np.float32
    assert batch.inputs.min() == 0.0
    assert batch.inputs.max() == 1.0
    assert np.array_equal(batch.targets["parity"], digit % 2)
    assert np.array_equal(batch.targets["ge5"], digit >= 5)
    assert np.array_equal(batch.domain, digit)
    assert batch.task_id is not None
    assert set(batch.task_id.tolist()) == {0, 1, 2}
    assert all(part.task_id is not None for part in data.held_out(5, context=16))


def test_an_epoch_shows_every_training_example_once() -> None:
    data = open_digits()
    n = data.facts.n_train
    rows = np.concatenate(
        [data.batch(step, seed=4, size=100, context=1).origin for step in range(n // 100 + 1)]
    )
    train = np.flatnonzero(~data.examples.held_out)
    assert np.array_equal(np.sort(rows[:n]), train)
    assert not np.array_equal(rows[:n], train)


def test_held_out_images_are_stratified_and_never_trained_on() -> None:
    data = open_digits()
    held = data.examples.held_out
    for digit in range(10):
        here = data.examples.domain == digit
        assert abs(held[here].sum() - 0.2 * here.sum()) <= 1
    seen = {r for step in range(40) for r in data.batch(step, seed=0, size=64, context=1).origin.tolist()}
    assert not seen & set(np.flatnonzero(held).tolist())


def test_a_mixture_of_digits_weighs_the_batch() -> None:
    batch = open_digits().batch(0, seed=0, size=40, context=1, mixture={"3": 1, "7": 3})
    assert np.bincount(batch.domain)[[3, 7]].tolist() == [10, 30]


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_standardised_on_the_training_rows(name: str) -> None:
    data = open_table(name)
    train = data.examples.inputs[~data.examples.held_out]
    assert data.facts.features == train.shape[1] == len(data.columns)
    assert np.allclose(train.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(train.std(axis=0), 1, atol=1e-5)


def test_classes_keep_their_names_and_values_their_scale() -> None:
    assert open_table("iris").classes == {"species": ("setosa", "versicolor", "virginica")}
    diabetes = open_table("diabetes")
    (head,) = diabetes.facts.heads
    mean, deviation = diabetes.scales["progression"]
    batch = diabetes.held_out(1000, context=1)
    targets = np.concatenate([part.targets[head.name] for part in batch]) * deviation + mean
    assert head.kind == "value"
    assert 25 <= targets.min() < targets.max() <= 346
    quarters = [part.targets[head.name].mean() for part in batch]
    assert quarters == sorted(quarters)
