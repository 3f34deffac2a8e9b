"""What experts may be: a clamp needs silu, in both directions."""

from core.design.edits import apply
from core.design.rules import check, errors
from core.design.spec import Design
from tests.core.train.tiny import tiny_design


def with_experts(**fields: object) -> Design:
    document = tiny_design().model_dump(mode="json")
    bank = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    bank["experts"] = [{"kind": "glu", "count": 4, "hidden": 4} | fields]
    return Design.model_validate(document)


def test_a_clamp_needs_silu() -> None:
    (problem,) = errors(check(with_experts(clamp=7.0, activation="gelu"), stage="design"))
    assert problem.code == "clamp-silu"
    for edit in problem.edits:
        mended = apply(with_experts(clamp=7.0, activation="gelu"), edit)
        assert isinstance(mended, Design)
        assert not errors(check(mended, stage="train"))


def test_a_clamped_gate_trains() -> None:
    assert not errors(check(with_experts(clamp=7.0), stage="train"))
