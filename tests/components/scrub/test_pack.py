import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.heat.grid import row_shares
from components.scrub.pack import LEVELS, MOST_BYTES, Frames, Mark, pack, quantised, residues

COUNTS = arrays.arrays(np.int64, (4, 2, 5), elements=st.integers(0, 1000))


def frames(*counts: np.ndarray, soft: tuple[bool, ...] = (), marks: tuple[Mark, ...] = ()) -> Frames:
    """Frames of these layers, a step every ten."""
    windows, domains = counts[0].shape[:2]
    return Frames(
        steps=[10 * (f + 1) for f in range(windows)],
        domains=[f"domain {n}" for n in range(domains)],
        layers=[f"Layer {i + 1}" for i in range(len(counts))],
        counts=counts,
        soft=soft or (False,) * len(counts),
        losses=[None, *np.linspace(5, 2, windows - 1)],
        marks=marks,
    )


def unpacked(payload: bytes) -> tuple[dict, np.ndarray, np.ndarray]:
    """(header, shares [F, L, N, E], picks [L, N, F]) as the browser makes them."""
    (length,) = struct.unpack("<I", payload[:4])
    head = json.loads(payload[4 : 4 + length])
    first, second = head["sizes"]
    body = payload[4 + length :]
    shape = (len(head["layers"]), len(head["domains"]), max(head["experts"]))
    above = np.frombuffer(zlib.decompress(body[:first]), np.uint8).reshape(-1, *shape)
    levels, mean = np.zeros(above.shape, np.int64), np.full(shape, 8)
    for f, now in enumerate(above.astype(np.int64)):
        levels[f] = (now + (mean >> 4)) & 255
        mean += ((levels[f] << 4) + 8 - mean) >> 2
    totals = np.frombuffer(zlib.decompress(body[first : first + second]), "<i4")
    return head, head["top"] * (levels / head["scale"]) ** 2, totals.reshape(*shape[:2], -1)


@given(COUNTS)
def test_shares_come_back_to_within_half_a_level_and_picks_exactly(counts):
    head, shares, totals = unpacked(pack(frames(counts), "x"))
    true = row_shares(counts)
    roots = np.abs(np.sqrt(shares[:, 0]) - np.sqrt(true)) / np.sqrt(head["top"])
    # A share so small that it would be rounded to none is sent as the smallest one there is.
    assert (roots <= np.where(true > 0, 1.0, 0.0) / head["scale"] + 1e-9).all()
    assert head["scale"] == LEVELS[0]
    assert (totals[0] == counts.sum(-1).T).all()


@given(COUNTS)
def test_zero_means_exactly_no_token(counts):
    _, shares, _ = unpacked(pack(frames(counts), "x"))
    assert ((shares[:, 0] == 0) == (counts == 0)).all()


def test_layers_of_other_widths_and_soft_ones_lie_in_one_payload():
    counts, soft = np.array([[[3, 1]], [[0, 2]]]), np.array([[[0.2, 0.3, 0.5]], [[0.1, 0.1, 0.8]]])
    head, shares, totals = unpacked(pack(frames(counts, soft, soft=(False, True)), "x"))
    assert head["experts"] == [2, 3]
    assert np.allclose(shares[:, 1], soft, atol=0.01)
    assert shares[1, 0, 0, 1] == pytest.approx(1.0)
    assert totals.tolist() == [[[4, 2]], [[0, 0]]]


def test_marks_and_missing_losses_are_plain_json():
    head, _, _ = unpacked(pack(frames(np.ones((3, 1, 2)), marks=(Mark(20, "birth", "Back."),)), "Even."))
    assert head["marks"] == [{"step": 20, "kind": "birth", "text": "Back."}]
    assert head["losses"][0] is None
    assert head["alt"] == "Even."


def test_a_large_training_stays_under_a_megabyte():
    """32 layers x 64 experts x 8 domains x 200 steps of counting noise, which no compressor can foresee."""
    rng = np.random.default_rng(0)
    p = np.exp(rng.normal(0, 0.9, (32, 8, 64)))
    mean = 4000 * p / p.sum(-1, keepdims=True)
    counts = [rng.poisson(mean[layer], (200, 8, 64)) for layer in range(32)]
    payload = pack(frames(*counts), "x")
    assert len(payload) < MOST_BYTES
    _, shares, _ = unpacked(payload)
    true = np.stack([row_shares(layer) for layer in counts], axis=1)
    # What rounding adds is less than what counting so few tokens leaves open anyway.
    noise = np.sqrt(true / 4000)
    busy = true > 1 / 64
    assert (np.abs(shares - true)[busy] < noise[busy]).mean() > 0.99


def test_a_running_mean_follows_what_it_is_told():
    levels = quantised(np.full((60, 3), 0.5, np.float32), 255)
    found = residues(levels)
    assert (found[0] == 128).all()
    assert (found[-1] == 0).all()
