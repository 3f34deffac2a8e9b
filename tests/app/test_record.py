"""Names, series, pace and reports: what pages make of a record, without a page."""

import numpy as np
import pytest

from app import record
from app.views._export import report
from app.views._routing import expert as one
from app.views._train.pace import pace
from app.views._train.plan import arguments
from core.design.facts import MetricsRow
from core.design.presets.methods import method, with_method
from core.design.presets.registry import plan_for, preset
from tests.app import seed

PLAN = plan_for("starter").replaced(steps=700)
ROWS = seed.rows(PLAN, 700)


def test_layers_are_counted_from_one_as_in_the_drawing():
    assert record.layer_names(["decoder.0.1", "decoder.3.1"]) == {
        "decoder.0.1": "layer 1",
        "decoder.3.1": "layer 4",
    }


def test_sentences_call_layers_as_pages_do():
    paths = ["decoder.0.1", "decoder.1.1", "decoder.1.10"]
    said = (
        "Layer decoder.1.1 has none, as layer decoder.0.1. To fix this, see decoder.0.1:3, or decoder.1.10."
    )
    assert record.renamed(said, paths[:2]) == (
        "Layer 2 has none, as layer 1. To fix this, see layer 1:3, or decoder.1.10."
    )
    assert record.renamed("Layer decoder.1.1 has none.", paths) == "Layer decoder.1.1 has none."


def test_experts_that_are_not_of_the_usual_kind_are_named():
    assert record.expert_kinds(preset("starter").model_dump_json()) == {}
    kinds = record.expert_kinds(with_method(method("moe-plus-plus")).model_dump_json())
    assert len(kinds) > 1
    for each in kinds.values():
        assert each[-2:] == ("zero", "identity")
        assert not any(each[:-2])


def test_layers_that_would_share_a_name_keep_their_paths():
    names = record.layer_names(["encoder.0.1", "decoder.0.1", "decoder.1.1"])
    assert list(names.values()) == ["encoder.0.1", "decoder.0.1", "layer 2"]


def test_series_keep_the_order_of_the_domains():
    assert list(record.losses(ROWS)) == list(seed.DOMAINS)
    assert list(record.held_out(ROWS)) == list(seed.DOMAINS)
    assert [step for step, _ in record.held_out(ROWS)["cpp"]] == list(range(0, 701, 100))


def test_a_row_that_only_evaluates_is_no_point_of_the_training_loss():
    row = MetricsRow(step=1, seconds=1, held_out={"loss": 2.0, "loss/a": 2.0})
    assert record.total([row]) == []
    assert record.losses([row]) == {}
    assert record.held_out_total([row]) == [(1, 2.0)]
    assert record.held_out([row]) == {"a": [(1, 2.0)]}


def test_routing_figures_follow_from_the_counts():
    found = record.routing(ROWS)[-1]
    layers = ROWS[-1].layers
    assert found.busiest == pytest.approx(max(max(layer.load) / np.mean(layer.load) for layer in layers))
    assert found.experts == 24
    assert 0 < found.specialization < 1


def test_long_records_are_thinned_and_keep_the_newest():
    kept = record.frames(ROWS, most=10)
    assert len(kept) == 10
    assert (kept[0].step, kept[-1].step) == (10, 700)


def test_the_pace_has_a_band_around_it():
    found = pace(ROWS[:31], 700)
    assert found.rate == pytest.approx(1 / 0.11, rel=0.05)
    assert found.low <= found.left <= found.high
    assert found.left == pytest.approx(400 * 0.11, rel=0.1)


def test_no_pace_before_two_rows_and_nothing_left_at_the_end():
    assert pace(ROWS[:1], 700) is None
    assert pace([], 700) is None
    assert pace(ROWS, 700).left == 0


def test_the_command_names_only_what_is_not_the_presets_own():
    assert arguments(PLAN, PLAN) == "--data text --steps 700 --seed 0"
    changed = PLAN.replaced(steps=None, seconds=60.0, batch=8)
    assert arguments(changed, PLAN) == "--data text --seconds 60 --seed 0 --set plan.batch=8"


class TestExpert:
    trace = seed.trace("run", "d" * 64, 700, 0)

    def test_domains_are_those_of_the_counted_assignments(self):
        layer = self.trace.layer(seed.PATHS[2])
        counts = seed.counted(self.trace, seed.PATHS[2])
        for e in range(seed.EXPERTS):
            found = one.expert(self.trace, layer, e)
            assert found.domains_N.tolist() == counts[:, e].tolist()
        assert found.expected_N.sum() == pytest.approx(1)

    def test_a_dead_expert_has_no_tokens(self):
        found = one.expert(self.trace, self.trace.layer(seed.PATHS[2]), seed.EXPERTS - 1)
        assert len(found.tokens_I) == 0
        assert np.isnan(found.weight)
        assert one.contexts(self.trace, found.tokens_I) == []
        assert one.top_tokens(self.trace, found.tokens_I) == []

    def test_a_context_is_the_text_around_and_stops_at_its_sequence(self):
        where, before, token, after = one.contexts(self.trace, np.array([64]), most=1)[0]
        text = seed.TEXT["english"].decode() * 3
        assert (where, before, token) == ("english", "", text[64])
        assert after == text[65 : 65 + one.AROUND]

    def test_shares_of_tokens_are_of_all_their_occurrences(self):
        everything = np.arange(self.trace.header.tokens)
        assert all(share == 1.0 for _, _, share in one.top_tokens(self.trace, everything))

    @pytest.mark.parametrize(
        ("byte", "shown"), [(97, "a"), (32, "␣"), (10, "↵"), (0xC3, "0xC3"), (0, "0x00")]
    )
    def test_every_byte_can_be_seen(self, byte, shown):
        assert one.sign(byte) == shown


def test_agreement_is_rounded_down():
    assert report.agreed(99_999, 100_000) == "99.99\u2009%"
    assert report.agreed(5, 5) == "100.00\u2009%"


def test_powers_are_written_out():
    assert report.power(3.14e-6) == "3.1\u2009×\u200910⁻⁶"
    assert report.power(0) == "0"
