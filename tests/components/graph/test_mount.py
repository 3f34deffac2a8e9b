"""Places and edges of the graph of experts."""

import numpy as np
import pytest

from components.graph.mount import edges, graph

LIFT = np.array([[np.nan, 2.0, 0.5], [2.0, np.nan, 0.9], [0.5, 0.9, np.nan]])
PLACES = np.array([[-1.0, 3.0], [4.0, 8.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("groups", "below"), [([0, 0, 0], []), ([0, 0, -1], [2]), ([-1, -1, -1], [0, 1, 2]), ([0, -1, 0], [1])]
)
def test_experts_without_a_partner_stand_in_a_row_of_their_own(groups, below):
    data = graph(PLACES, np.array(groups), [3, 1, 0], LIFT, "alt")
    assert len(data["nodes"]) == 3
    assert all(0 <= node["x"] <= 1 and 0 <= node["y"] <= 1 for node in data["nodes"])
    if len(below) < 3:
        assert [i for i, node in enumerate(data["nodes"]) if node["y"] == 1.0 and below] == below
    assert [node["share"] for node in data["nodes"]] == [0.75, 0.25, 0.0]


def test_edges_join_those_who_meet_more_often_than_by_chance():
    assert edges(LIFT) == [(0, 1)]
