"""Merged experts, slots, experts that score themselves and weighed inputs in one exported model."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.core.export.onnx.conftest import exported, layer, router

SOFT: dict[str, Any] = {"select": {"kind": "all"}}
BODIES = [
    (
        [{"kind": "adapter", "count": 3, "hidden": 2}],
        router(**SOFT, score={"kind": "normed_linear"}, scope="example", combine={"kind": "param_merge"}),
    ),
    (
        [{"kind": "glu", "count": 3, "hidden": 4}],
        router(**SOFT, score={"kind": "unit_linear"}, combine={"kind": "slot_mix", "slots": 2}),
    ),
    ([{"kind": "glu_lowrank", "count": 4, "hidden": 4, "rank": 2}], router(score={"kind": "expert_norm"})),
    (
        [{"kind": "glu", "count": 4, "hidden": 4}],
        router(combine={"kind": "output_mix", "weigh_on": "input"}),
    ),
]


def test_all_of_them_export(tmp_path: Path) -> None:
    bodies = [{"kind": "moe", "experts": experts, "router": each} for experts, each in BODIES]
    heads = [{"name": "digit", "kind": "classes", "size": 3}]
    document = {
        "width": 8,
        "task": {
            "kind": "image_classifier",
            "height": 4,
            "width": 4,
            "channels": 1,
            "patch": 2,
            "heads": heads,
        },
        "stacks": [{"causal": False, "layers": [layer(*bodies)]}],
    }
    case = exported(document, tmp_path)
    assert case.report.parity.verdict == "PASS"
    outputs = [name for name in case.report.outputs if name.startswith("routing/")]
    soft = [f"routing/decoder.0.{i}/probability" for i in (0, 1)]
    assert outputs[:2] == soft
    assert [name.rsplit("/", 1)[1] for name in outputs[2:]] == ["probability", "expert"] * 2
    inputs = np.random.default_rng(0).random((5, 4, 4, 1), np.float32)
    assert case.parity(inputs).verdict == "PASS"
