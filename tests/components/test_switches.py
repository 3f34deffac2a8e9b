"""What the browser says of switches is read without trust."""

import pytest

from components.switches.mount import states_of


def test_states_that_are_told_are_kept():
    assert states_of([[0, 1, "off"], [1, 3, "boost"]], [2, 4]) == {(0, 1): "off", (1, 3): "boost"}


@pytest.mark.parametrize(
    "told",
    [
        None,
        "off",
        [[0, 2, "off"]],
        [[2, 0, "off"]],
        [[0, -1, "on"]],
        [[0, 0, "gone"]],
        [[0, 0]],
        [[0.5, 0, "on"]],
    ],
)
def test_what_is_no_switch_is_left_out(told):
    assert states_of(told, [2, 4]) == {}
