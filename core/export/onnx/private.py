"""The one private call of torch.onnx that we need: an operator with a number of outputs decided at export.

The public onnxscript `op.Split` cannot have both sizes known at run time only and many outputs. Another torch
may move the function; tests/core/export/onnx/test_private.py says so first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.onnx._internal.exporter._torchlib.ops.hop import call_op


def split(rows: Any, sizes: Any, outputs: int) -> Sequence[Any]:
    """ONNX Split along axis 0 into `outputs` values of the given `sizes` [outputs]."""
    values: Sequence[Any] = call_op("Split", rows, sizes, _num_outputs=outputs, axis=0)
    return values
