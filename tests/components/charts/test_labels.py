"""Names of dots lie on no dot and on no other name, in a wider plot as well."""

from hypothesis import given
from hypothesis import strategies as st

from components.charts.labels import LINE, WIDER, Beside, Box, Spot, beside

ROOM = (480.0, 168.0)
SPOTS = st.lists(
    st.builds(Spot, st.floats(0, ROOM[0]), st.floats(0, ROOM[1]), st.floats(3, 22)), min_size=1, max_size=9
)
WIDTHS = st.lists(st.floats(30, 140), min_size=4, max_size=4)


def box_of(spot: Spot, width: float, place: Beside) -> Box:
    left = {"left": spot.x, "center": spot.x - width / 2, "right": spot.x - width}[place.align] + place.dx
    return Box(left, spot.y + place.dy - LINE / 2, left + width, spot.y + place.dy + LINE / 2)


@given(spots=SPOTS, widths=WIDTHS, wider=st.floats(1, WIDER))
def test_no_name_lies_on_a_dot_or_on_a_name(spots, widths, wider):
    taken = Box(400, 20, 480, 33)
    found = beside(spots, widths, [taken], ROOM)
    for factor in (1.0, wider):
        there = [Spot(spot.x * factor, spot.y, spot.radius) for spot in spots]
        boxes = [box_of(*one) for one in zip(there, widths, found, strict=False) if one[2] is not None]
        assert all(spot.gap(box) > 0 for box in boxes for spot in there)
        assert not any(box.meets(other) for n, box in enumerate(boxes) for other in boxes[:n])
        if factor == 1:
            assert not any(box.meets(taken) for box in boxes)
            assert all(Box(0, 0, *ROOM).holds(box) for box in boxes)


def test_a_name_alone_stands_to_the_right_and_gives_way_to_a_dot_and_a_line():
    spot, beyond = Spot(240, 80, 8), Spot(280, 80, 8)
    assert beside([spot], [80], [], ROOM) == [Beside("left", 13, 0)]
    # To the right lies another dot.
    assert beside([spot, beyond], [80], [], ROOM) == [Beside("center", 0, -17.5)]
    along = [Spot(x, 80, 0) for x in range(0, 480, 6)]
    assert [place.dy for place in beside([spot], [80], [], ROOM, along) if place] == [-17.5]


def test_a_name_without_room_is_left_out():
    assert beside([Spot(10, 80, 8)], [600], [], ROOM) == [None]
