"""A fingerprint has one line for each layer with an FFN, to scale."""

import pytest

from components.gallery.fingerprint import MOST_LINES, fingerprint
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.presets.registry import names, preset


@pytest.mark.parametrize("name", names())
def test_a_line_for_each_layer_that_has_an_ffn(name):
    design = preset(name)
    lines = fingerprint(design)
    assert min(1, design.depth) <= len(lines) <= design.depth
    assert all(line["k"] >= 1 and sum(n for n, _ in line["experts"]) >= 1 for line in lines)


def test_deepseek_has_three_dense_lines_and_a_shared_expert():
    lines = fingerprint(preset("deepseek-v3"))
    assert lines[:3] == [{"experts": [[1, 18432]], "shared": 0, "k": 1}] * 3
    assert lines[3:] == [{"experts": [[256, 2048]], "shared": 2048, "k": 8}] * 58


def test_very_deep_designs_are_thinned():
    deep = apply(preset("starter"), SetValue(path="/stacks/0/layers/0/times", value=1000))
    assert MOST_LINES // 2 < len(fingerprint(deep)) <= MOST_LINES
