"""A problem of several places is shown at each of them, and its button mends all."""

from components.canvas.layout import draw
from core.cost.count import count
from core.design.edits import apply
from core.design.rules import check
from core.design.spec import Design
from tests.core.design.samples import starter


def test_a_problem_of_two_layers_stands_on_both() -> None:
    content = starter().model_dump(mode="json")
    dense = {"body": {"kind": "dense", "expert": {"kind": "mlp", "hidden": 64}}}
    layer = {"times": 1, "pattern": [{"parts": [dense, {**dense, "reads": 5}]}]}
    content["stacks"][0]["layers"] = [layer, layer]
    design = Design.model_validate(content)
    (problem,) = check(design)
    picture = draw(design, count(design), [problem])
    marked = {box.target for box in picture.boxes if box.mark}
    assert {f"/stacks/0/layers/{i}/pattern/0/parts/1" for i in (0, 1)} <= marked
    mended = apply(design, problem.edits[0])
    assert isinstance(mended, Design)
    assert not any(box.mark for box in draw(mended, count(mended), check(mended)).boxes)
