"""Fabric rules that synthesis confirmed."""

import pytest

from core.cost.onchip import Buffer, bram18, bram36, dsp_per_mac, place, uram


@pytest.mark.parametrize(
    ("bits", "slices"),
    [((8, 8), 0.5), ((4, 8), 0.5), ((4, 4), 0.25), ((16, 16), 1), ((16, 8), 1), ((18, 27), 1), ((16, 32), 2)],
)
def test_slices_of_a_multiply_add(bits, slices):
    assert dsp_per_mac(*bits) == dsp_per_mac(*reversed(bits)) == slices


def test_width_decides_before_capacity():
    """768 x 192 weights of 16 bits, read 4096 bits a cycle: 64 tiles by capacity, 114 as built."""
    assert bram36(576, 4096) == 114
    assert uram(576, 4096) == 57


@pytest.mark.parametrize(("depth", "width"), [(512, 72), (1024, 36), (2048, 18), (4096, 9)])
def test_geometries_of_one_tile(depth, width):
    assert bram36(depth, width) == 1
    assert bram18(depth, width) == 2


def test_ping_pong_doubles_and_shallow_memories_are_logic():
    assert Buffer("w", 576, 4096, banks=2).bram36 == 228
    assert Buffer("r", 64, 4096).bram36 == Buffer("r", 64, 4096).uram == 0


def test_what_does_not_fit_block_ram_goes_to_ultraram():
    one = Buffer("w", 4096, 2048)
    assert place((one,), 1000, 96) == (one.bram36, 0)
    assert place((one,), 10, 96) == (0, one.uram)
    assert place((one,), 10, 5) == (one.bram36, 0)


def test_widths_that_no_engine_has():
    with pytest.raises(ValueError, match="1 to 32"):
        dsp_per_mac(64, 8)
