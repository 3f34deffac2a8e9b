"""Methods mixed in one layer: they run, learn, and are the same by every execution."""

import pytest
from torch import Tensor

from core.model.build import build
from tests.core.design.samples import digits_with_body
from tests.core.design.test_rules_choosing import MIXES
from tests.support import close, gradients, inputs_for, loss_of, passing_for


@pytest.mark.parametrize("name", MIXES)
def test_methods_that_go_together_learn_together_and_executions_agree(name: str) -> None:
    design = digits_with_body(**MIXES[name])
    inputs = inputs_for(design)
    found: list[dict[str, Tensor]] = []
    for execution in ("sparse", "export", "reference"):
        model = build(design, execution=execution)
        output = model(inputs, passing_for(design, record="counts", progress=0.5))
        loss_of(output).backward()
        found.append({**{f"logits {k}": v.detach() for k, v in output.logits.items()}, **gradients(model)})
    sparse, export, reference = found
    assert all(close(sparse[key], reference[key]) for key in reference)
    assert all(close(export[key], reference[key]) for key in reference)
    assert all(value.isfinite().all() for value in sparse.values())
    # What routes learns, beside the experts; experts that score themselves have nothing else that routes.
    learns = [key for key in sparse if ".router." in key or ".experts." in key]
    assert learns
    for key in learns:
        assert sparse[key].abs().sum() > 0, key
