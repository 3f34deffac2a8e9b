"""Handwritten digits with one question for each example: six tasks over the same pictures.

N pictures, Q questions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.data.base import Array
from core.data.columns import standardise
from core.data.examples import ExampleData, Examples, stratified_split
from core.design.facts import DataFacts
from core.design.tasks.base import Head

HEADS = (
    Head(name="digit", kind="classes", size=10),
    Head(name="parity", kind="binary"),
    Head(name="ge5", kind="binary"),
    Head(name="upside_down", kind="binary"),
    Head(name="brightness", kind="value", size=1),
    Head(name="scrambled", kind="classes", size=10),
)
#: What `scrambled` calls each digit. It was drawn once; no digit keeps its name.
SCRAMBLED = (4, 7, 0, 5, 9, 8, 2, 1, 3, 6)
TURNED = HEADS.index(next(head for head in HEADS if head.name == "upside_down"))


@lru_cache(maxsize=1)
def open_digits_tasks() -> ExampleData:
    """Which digit, is it odd, is it 5 or more, is it upside down, how bright, and the digit by another name.

    Each picture stands there once for each question, which is its task and its domain; the answers to the
    others are missing. `digit` and `scrambled` contradict each other. Half of the pictures that are asked
    whether they are upside down are; no others are. A picture is held out for all questions or for none.
    """
    # Here, because importing scikit-learn takes longer than everything else this package does.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    digit_N = bunch.target.astype(np.int64)
    image_N = bunch.images[..., None].astype(np.uint8)
    held_N = stratified_split(digit_N)
    turned_N = np.random.default_rng([40, 8]).permutation(np.arange(len(digit_N)) % 2).astype(bool)
    bright_N, scale = standardise(image_N.mean((1, 2, 3), np.float64) / 16, ~held_N)
    assert bright_N is not None
    answers: dict[str, Array] = {
        "digit": digit_N,
        "parity": (digit_N % 2).astype(np.float32),
        "ge5": (digit_N >= 5).astype(np.float32),
        "upside_down": turned_N.astype(np.float32),
        "brightness": bright_N.astype(np.float32),
        "scrambled": np.array(SCRAMBLED)[digit_N],
    }
    examples = _asked_all(image_N, turned_N, held_N, answers)
    digits = tuple(str(d) for d in range(10))
    return ExampleData(
        _facts(examples),
        examples,
        scales={"brightness": scale},
        classes={"digit": digits, "scrambled": digits},
    )


def _asked_all(image_N: Array, turned_N: Array, held_N: Array, answers: dict[str, Array]) -> Examples:
    """Every picture once for each question; those asked whether they are upside down are turned first."""
    task = np.repeat(np.arange(len(HEADS)), len(image_N))
    images = np.tile(image_N, (len(HEADS), 1, 1, 1))
    turn = (task == TURNED) & np.tile(turned_N, len(HEADS))
    images[turn] = images[turn, ::-1, ::-1]
    return Examples(
        inputs=images,
        targets={name: asked(answer, task == q) for q, (name, answer) in enumerate(answers.items())},
        domain=task,
        held_out=np.tile(held_N, len(HEADS)),
        scale=1 / 16,
        task=task,
    )


def _facts(examples: Examples) -> DataFacts:
    held = int(examples.held_out.sum())
    return DataFacts(
        name="digits-tasks",
        kind="image",
        title="Handwritten digits, one question each",
        domains=tuple(head.name for head in HEADS),
        heads=HEADS,
        height=8,
        width=8,
        channels=1,
        has_task_id=True,
        n_train=len(examples.held_out) - held,
        n_held_out=held,
    )


def asked(answer_N: Array, here: Array) -> Array:
    """The answer [N] for each question [Q * N], missing where another is asked."""
    missing = -1 if answer_N.dtype.kind == "i" else np.nan
    return np.where(here, np.tile(answer_N, len(HEADS)), missing).astype(answer_N.dtype)
