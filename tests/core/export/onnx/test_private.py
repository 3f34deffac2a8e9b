"""The private function of torch.onnx that the export leans on: the first test to fail with another torch."""

import inspect

from torch.onnx._internal.exporter._torchlib.ops import hop

from core.export.onnx import private


def test_the_call_takes_a_number_of_outputs_and_attributes() -> None:
    parameters = inspect.signature(hop.call_op).parameters
    assert parameters["_num_outputs"].kind is inspect.Parameter.KEYWORD_ONLY
    assert any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters.values())
    assert any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())


def test_it_is_imported_in_one_place_only() -> None:
    assert private.call_op is hop.call_op
