"""A design as a graph of what computes what: the way of one token through one turn of each pattern.

Used for drawing (layers in topological order), for the critical path, and for placing parts on devices.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx

from core.design.bodies.moe import Moe
from core.design.spec import Design
from core.design.structure import Layer

INPUT, OUTPUT = "input", "output"


def graph(design: Design) -> nx.DiGraph[str]:
    """Nodes are JSON pointers with `kind`; an MoE layer opens into router, groups, shared and combine.

    Edges follow the data. A node of a repeat carries `times`.
    """
    result: nx.DiGraph[str] = nx.DiGraph()
    result.add_node(INPUT, kind="embedding", times=1)
    ends: dict[str, str] = {}
    for s, stack in enumerate(design.stacks):
        stream = INPUT
        for r, repeat in enumerate(stack.layers):
            for n, layer in enumerate(repeat.pattern):
                pointer = f"/stacks/{s}/layers/{r}/pattern/{n}"
                stream = _layer(result, layer, pointer, stream, repeat.times)
        if stack.reads in ends:
            for node, kind in result.nodes(data="cross"):
                if kind and node.startswith(f"/stacks/{s}/"):
                    result.add_edge(ends[stack.reads], node)
        ends[stack.name] = stream
    result.add_node(OUTPUT, kind="head", times=1)
    result.add_edge(ends[design.stacks[-1].name], OUTPUT)
    return result


def _layer(result: nx.DiGraph[str], layer: Layer, pointer: str, stream: str, times: int) -> str:
    """Add one layer; returns the node that holds the stream after it."""
    start = stream
    waiting: list[str] = []
    inputs: list[str] = []
    for p, part in enumerate(layer.parts):
        here = f"{pointer}/parts/{p}"
        source = start if part.reads == "layer_input" else stream
        if isinstance(part.reads, int) and part.reads < len(inputs):
            source = inputs[part.reads]
        inputs.append(source)
        end = _part(result, part.body, here, source, times)
        if part.joins == "layer_end":
            waiting.append(end)
            continue
        joined = f"{here}/join"
        result.add_node(joined, kind="join", times=times)
        result.add_edges_from([(end, joined), (stream, joined)])
        stream = joined
    if waiting:
        joined = f"{pointer}/join"
        result.add_node(joined, kind="join", times=times)
        result.add_edges_from([(end, joined) for end in (*waiting, stream)])
        stream = joined
    return stream


def _part(result: nx.DiGraph[str], body: object, here: str, source: str, times: int) -> str:
    """Add one part; returns its last node."""
    if not isinstance(body, Moe):
        result.add_node(
            here, kind=getattr(body, "kind", ""), times=times, cross=getattr(body, "cross", False)
        )
        result.add_edge(source, here)
        return here
    router, combine = f"{here}/body/router", f"{here}/body/combine"
    result.add_node(router, kind="router", times=times)
    result.add_node(combine, kind="combine", times=times)
    result.add_edge(source, router)
    for g in range(len(body.experts)):
        group = f"{here}/body/experts/{g}"
        result.add_node(group, kind="experts", times=times)
        result.add_edges_from([(router, group), (source, group), (group, combine)])
    for g in range(len(body.shared)):
        group = f"{here}/body/shared/{g}"
        result.add_node(group, kind="shared", times=times)
        result.add_edges_from([(source, group), (group, combine)])
    return combine


def critical_path(design: Design, seconds: Callable[[str], float]) -> list[str]:
    """Nodes of the longest way from input to output; node `n` takes `seconds(n)` for each of its turns."""
    network = graph(design)
    for node, after in network.edges:
        network.edges[node, after]["seconds"] = seconds(after) * network.nodes[after]["times"]
    return list(nx.dag_longest_path(network, weight="seconds"))
