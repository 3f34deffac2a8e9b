"""Scores, modifiers and weighers in one exported model, beside the studio's own results."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.core.export.onnx.conftest import exported, layer, router

TABLE: dict[str, Any] = {"select": {"kind": "table"}, "weigh": {"kind": "ones"}}
COOL = {"kind": "temperature", "value": 0.5, "learnable": True}
ROUTERS = [
    router(
        score={"kind": "activation_linear", "bias": True},
        modifiers=[{"kind": "gumbel"}, {"kind": "drop_experts", "rate": 0.25}, COOL],
        weigh={"kind": "mean"},
    ),
    router(1, score={"kind": "cosine", "dim": 5}, weigh={"kind": "identity_mix"}),
    router(score={"kind": "hierarchical_linear"}, weigh={"kind": "raw"}),
    router(**TABLE, score={"kind": "table", "source": "token"}),
    router(weigh={"kind": "straight_through"}),
]


def test_all_of_them_export(tmp_path: Path) -> None:
    experts = [{"kind": "glu", "count": 4, "hidden": 4}]
    bodies = [{"kind": "moe", "experts": experts, "islands": 2, "router": each} for each in ROUTERS]
    document = {
        "width": 8,
        "task": {"kind": "language_model", "vocabulary": 256, "context": 16, "tokenizer": "bytes"},
        "stacks": [{"layers": [layer(*bodies)]}],
    }
    case = exported(document, tmp_path)
    assert case.report.parity.verdict == "PASS"
    inputs = np.random.default_rng(0).integers(0, 256, (3, 11))
    assert case.parity(inputs).verdict == "PASS"
    chosen = [seen.expert.shape[2] for seen in case.answers(inputs).routing.values()]
    # Outside training one-hot weights run one expert of the two selected.
    assert chosen[0] == 2
    assert chosen[-1] == 1
