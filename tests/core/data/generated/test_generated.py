"""Every generated data set: the same each time, split, and as its rule says."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.generated.base import Generated
from core.data.generated.eight_rules import EightRules
from core.data.generated.skills import KNOWN, SKILLS, STRENGTH, Skills, operations, uses
from core.data.load import load
from core.data.registry import BUILT_IN, GENERATED
from core.data.store import about as about_of
from core.data.store import arrays_of, restore

SMALL = [replace(made, n_train=min(made.n_train, 960), n_held_out=480) for made in GENERATED]
NAMES = [made.name for made in GENERATED]


@pytest.fixture(params=SMALL, ids=NAMES)
def small(request: pytest.FixtureRequest) -> Generated:
    """Each data set with few examples; its rule does not depend on how many there are."""
    made: Generated = request.param
    return made


def test_it_is_drawn_the_same_each_time(small: Generated) -> None:
    first, again = small.draw(), small.draw()
    assert all(np.array_equal(first.arrays()[k], v, equal_nan=True) for k, v in again.arrays().items())
    assert np.isfinite(first.inputs).all()
    assert small.open() is small.open()


def test_no_example_is_in_both_parts(small: Generated) -> None:
    drawn = small.draw()
    rows = drawn.inputs.reshape(len(drawn.inputs), -1)
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert drawn.held_out.sum() == small.n_held_out
    assert (~drawn.held_out).sum() == small.n_train


def test_facts_say_what_there_is(small: Generated) -> None:
    data = small.open()
    facts = data.facts
    assert facts.has_task_id
    heads = tuple(head.name for head in facts.heads)
    assert facts.task_names == (facts.domains if len(heads) == 1 else heads)
    assert facts.tokens_per_example == small.tokens
    shape = (facts.height, facts.width, facts.channels) if facts.kind == "image" else (facts.features,)
    batch = data.batch(3, seed=1, size=40, context=1)
    assert batch.inputs.shape == (40, *shape)
    assert batch.task_id is not None
    assert set(batch.task_id.tolist()) <= set(range(len(facts.task_names)))
    assert sum(data.sizes().values()) == facts.n_train + facts.n_held_out


def test_all_domains_are_about_as_large_and_in_both_parts(small: Generated) -> None:
    data = small.open()
    sizes = list(data.sizes().values())
    assert max(sizes) - min(sizes) <= len(sizes)
    assert [int(part.domain[0]) for part in data.held_out(5, context=1)] == list(range(len(sizes)))


def test_all_classes_are_common(small: Generated) -> None:
    drawn = small.draw()
    for head in small.heads:
        known = drawn.targets[head.name][drawn.targets[head.name] >= 0]
        if len(known):
            shares = np.bincount(known, minlength=head.size) / len(known)
            assert shares.min() > 0.03


def test_a_mixture_weighs_domains_and_keeps_their_tasks(small: Generated) -> None:
    last = small.domains[-1]
    batch = small.open().batch(0, seed=0, size=12, context=1, mixture={last: 1.0})
    assert set(batch.domain.tolist()) == {len(small.domains) - 1}
    assert batch.task_id is not None
    if len(small.heads) == 1:
        assert np.array_equal(batch.task_id, batch.domain)


def test_it_is_stored_with_its_tasks(small: Generated) -> None:
    data = small.open()
    again = restore(data.facts, about_of(data), arrays_of(data))
    old, new = (d.batch(1, seed=0, size=9, context=1) for d in (data, again))
    assert np.array_equal(old.task_id, new.task_id)


@pytest.mark.parametrize("name", NAMES)
def test_its_name_and_title_are_listed(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    (source,) = (source for source in BUILT_IN if source.name == name)
    assert source.title.endswith("(generated)")
    assert source.summary
    if name in ("synth8-small", "skills-new"):
        assert load(name, tmp_path_factory.getbasetemp()).facts.title == source.title


def test_nearer_domains_are_harder_to_tell_apart() -> None:
    def told(made: EightRules) -> float:
        drawn = replace(made, n_train=2_000, n_held_out=400).draw()
        means = np.stack([drawn.inputs[drawn.domain == m].mean(0) for m in range(8)])
        nearest = ((drawn.inputs[:, None] - means) ** 2).sum(2).argmin(1)
        return float((nearest == drawn.domain).mean())

    far, near = (told(made) for made in GENERATED[:2] if isinstance(made, EightRules))
    assert far > 0.999
    assert 0.7 < near < 0.95


def linear_accuracy(inputs: np.ndarray, target: np.ndarray, held: np.ndarray, rows: np.ndarray) -> float:
    """Held-out accuracy of least squares on some rows."""
    ones = np.c_[inputs.reshape(len(inputs), -1), np.ones(len(inputs))]
    onehot = np.eye(target.max() + 1)[target]
    weights = np.linalg.lstsq(ones[rows & ~held], onehot[rows & ~held], rcond=None)[0]
    return float(((ones @ weights).argmax(1) == target)[rows & held].mean())


def test_each_domain_has_a_linear_rule_and_together_they_have_none() -> None:
    drawn = replace(SMALL[0], n_train=8_000, n_held_out=1_600).draw()
    target, held = drawn.targets["class"], drawn.held_out
    alone = [linear_accuracy(drawn.inputs, target, held, drawn.domain == m) for m in range(8)]
    assert min(alone) > 0.75
    assert linear_accuracy(drawn.inputs, target, held, np.ones(len(target), bool)) < 0.5


def test_half_of_the_domains_are_solved_by_a_line() -> None:
    drawn = replace(SMALL[NAMES.index("easy-hard")], n_train=8_000, n_held_out=1_600).draw()
    target, held = drawn.targets["class"], drawn.held_out
    alone = [linear_accuracy(drawn.inputs, target, held, drawn.domain == m) for m in range(8)]
    assert min(alone[:4]) > 0.93
    assert max(alone[4:]) < 0.65


def test_tokens_say_their_domain_faintly_and_their_mean_does_better() -> None:
    drawn = replace(SMALL[NAMES.index("synth-sequence")], n_train=2_000, n_held_out=400).draw()
    N = len(drawn.inputs)
    # Patches of 4 px are the tokens, as an image task of that patch reads them.
    tokens = drawn.inputs.reshape(N, 4, 4, 4, 4).swapaxes(2, 3).reshape(N, 16, 16)
    assert drawn.targets["class"].shape == (N, 16)
    # In what is asked, a domain's tokens follow one linear rule, whichever example they are of.
    first = np.repeat(drawn.domain == 0, 16)
    asked, wanted = tokens[:, :, :8].reshape(-1, 8), drawn.targets["class"].ravel()
    held = np.repeat(drawn.held_out, 16)
    assert linear_accuracy(asked, wanted, held, first) > 0.85
    assert linear_accuracy(asked, wanted, held, np.ones_like(first)) < 0.5
    about = tokens[:, :, 8:]
    means = np.stack([about[drawn.domain == m].mean((0, 1)) for m in range(8)])

    def told(x: np.ndarray) -> float:
        nearest = ((x[..., None, :] - means) ** 2).sum(-1).argmin(-1)
        return float((nearest.reshape(N, -1) == drawn.domain[:, None]).mean())

    assert told(about) < 0.6
    assert told(about.mean(1)) > 0.98


def test_an_example_is_asked_for_one_task_and_answers_no_other() -> None:
    for made in SMALL[-2:]:
        drawn = made.draw()
        assert drawn.task is not None
        answered = np.stack([target >= 0 for target in drawn.targets.values()], 1)
        assert np.array_equal(answered.argmax(1), drawn.task)
        assert (answered.sum(1) == 1).all()


def test_known_and_new_tasks_share_operations_heads_and_nothing_else() -> None:
    known, new = (made for made in SMALL if isinstance(made, Skills))
    assert known.heads == new.heads
    assert set(known.draw().task.tolist()) == set(range(KNOWN))
    assert set(new.draw().task.tolist()) == {KNOWN}
    both = np.concatenate([known.draw().inputs, new.draw().inputs])
    assert len(np.unique(both, axis=0)) == len(both)
    used = {a for task in list(SKILLS)[:KNOWN] for a in SKILLS[task]}
    assert set(SKILLS["new"]) <= used == set(range(len(STRENGTH)))


def test_the_class_is_the_largest_sum_of_the_tasks_operations() -> None:
    made = SMALL[NAMES.index("skills")]
    drawn = made.draw()
    fold, vote = operations()
    assert drawn.task is not None
    for row in range(0, len(drawn.inputs), 97):
        z, task = drawn.inputs[row].astype(float), int(drawn.task[row])
        name = list(SKILLS)[task]
        votes = sum(STRENGTH[a] * ((np.abs(z @ fold[a]) - 0.8) @ vote[a]) for a in SKILLS[name])
        assert drawn.targets[name][row] == np.argmax(votes)
        assert np.flatnonzero(uses()[task]).tolist() == list(SKILLS[name])


def test_families_are_the_domains_of_tasks() -> None:
    made = SMALL[NAMES.index("skills")]
    drawn = made.draw()
    assert drawn.task is not None
    for task, name in enumerate(list(SKILLS)[:KNOWN]):
        family = {made.domains[d] for d in drawn.domain[drawn.task == task]}
        assert family == {name.split("-")[0]}
