"""The graph follows the data: no circles, every part on the way from input to output."""

from __future__ import annotations

import networkx as nx
import pytest

from core.design.graph import INPUT, OUTPUT, critical_path, graph
from core.design.presets.registry import names, preset


@pytest.mark.parametrize("name", names())
def test_every_part_lies_between_input_and_output(name: str) -> None:
    network = graph(preset(name))
    assert nx.is_directed_acyclic_graph(network)
    assert set(network.nodes) == nx.descendants(network, INPUT) | {INPUT}
    assert set(network.nodes) == nx.ancestors(network, OUTPUT) | {OUTPUT}


def test_the_shortcut_of_longcat_runs_beside_the_second_block() -> None:
    parts = "/stacks/0/layers/0/pattern/0/parts"
    network = graph(preset("longcat-flash"))
    second_attention, experts = f"{parts}/3", f"{parts}/2/body/experts/0"
    assert not nx.has_path(network, experts, second_attention)
    assert not nx.has_path(network, second_attention, experts)


def test_cross_attention_reads_the_end_of_the_encoder() -> None:
    network = graph(preset("switch-base-8"))
    crossing = "/stacks/1/layers/0/pattern/0/parts/1"
    assert any(source.startswith("/stacks/0/") for source in network.predecessors(crossing))


def test_the_critical_path_takes_the_slower_branch() -> None:
    parts = "/stacks/0/layers/0/pattern/0/parts"
    slow_experts = critical_path(preset("longcat-flash"), lambda n: 9.0 if "experts" in n else 1.0)
    slow_attention = critical_path(preset("longcat-flash"), lambda n: 9.0 if n.endswith("parts/3") else 1.0)
    assert any("experts" in node for node in slow_experts)
    assert f"{parts}/3" in slow_attention
