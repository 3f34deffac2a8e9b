"""Untrained models as subjects of questions."""

from pathlib import Path

from core.design.spec import Design
from core.model.build import build
from core.probe.subject import Subject
from tests.core.train.tiny import text_data, tiny_design, tiny_plan


def subject(design: Design | None = None, seed: int = 0, **body: object) -> Subject:
    """The tiny design, or another, as it was built; it knows the tiny text."""
    design = design or tiny_design(**body)
    model = build(design, seed=seed)
    model.eval().requires_grad_(False)
    return Subject(Path("calm-owl"), design, tiny_plan(), model, 12, text_data)
