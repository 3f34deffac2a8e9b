"""Scikit-learn's handwritten digits: 1,797 images of 8 x 8 px, three questions about each."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.data.examples import ExampleData, Examples, stratified_split
from core.design.facts import DataFacts
from core.design.tasks.base import Head

HEADS = (
    Head(name="digit", kind="classes", size=10),
    Head(name="parity", kind="binary"),
    Head(name="ge5", kind="binary"),
)


@lru_cache(maxsize=1)
def open_digits() -> ExampleData:
    """Which digit, is it odd, is it 5 or more. All three labels are always there.

    The domain is the digit. The task id is the question an example is asked, for routers that use it.
    """
    # Here, because importing scikit-learn takes longer than everything else this package does.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    digit = bunch.target.astype(np.int64)
    examples = Examples(
        inputs=bunch.images[..., None].astype(np.uint8),
        targets={
            "digit": digit,
            "parity": (digit % 2).astype(np.float32),
            "ge5": (digit >= 5).astype(np.float32),
        },
        domain=digit,
        held_out=stratified_split(digit),
        scale=1 / 16,
    )
    held = int(examples.held_out.sum())
    facts = DataFacts(
        name="digits",
        kind="image",
        title="Handwritten digits",
        domains=tuple(str(d) for d in range(10)),
        heads=HEADS,
        height=8,
        width=8,
        channels=1,
        has_task_id=True,
        n_train=len(digit) - held,
        n_held_out=held,
    )
    return ExampleData(facts, examples, classes={"digit": facts.domains})
