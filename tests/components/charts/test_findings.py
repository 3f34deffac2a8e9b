import pytest

from components.charts import findings


def test_losses_name_the_hardest_and_the_easiest():
    series = {"english": [(0, 5.5), (9, 2.25)], "tables": [(0, 5.5), (9, 1.26)]}
    assert findings.losses(series) == "English is hardest, at 2.25; tables is easiest, at 1.26"


def test_losses_that_are_alike_are_said_to_be():
    assert findings.losses({"a": [(0, 2.0)], "b": [(0, 2.01)]}).startswith("All 2 are learned equally")


def test_a_single_loss_fell_or_rose():
    assert findings.losses({"all": [(0, 5.5), (9, 2.0)]}, "loss") == "Loss fell from 5.50 to 2.00"
    assert findings.losses({"all": [(0, 2.0), (9, 3.0)]}, "loss") == "Loss rose from 2.00 to 3.00"
    assert findings.losses({}) == "No loss has been recorded yet"


def test_an_expert_above_its_share_is_named_with_its_domain():
    counts = [[70, 10, 10, 10], [25, 25, 25, 25]]
    said = findings.domain_experts(["python", "english"], counts)
    assert said == "Expert 0 takes 70\u2009% of python, 2.8 times its fair share"


def test_even_experts_do_not_stand_out():
    assert findings.domain_experts(["a"], [[5, 5, 5, 6]]) == (
        "No expert is far from its fair share in any domain"
    )
    assert findings.loads([("layer 1", [5, 5, 6])]) == "No expert is far from its fair share"


def test_dead_experts_come_first():
    said = findings.loads([("layer 1", [10, 10]), ("layer 2", [20, 0])])
    assert said.startswith("1 of 4 experts gets no token")
    assert "expert 0 of layer 2 is busiest, at 2.0 times" in said


def test_nothing_routed_is_said():
    assert findings.loads([("layer 1", [0, 0])]) == "No token has been routed yet"
    assert findings.domain_experts([], [[]]) == "No token has been routed yet"


def test_specialization_is_told_against_chance():
    assert findings.specialization([("layer 1", 0.1, 0.02), ("layer 2", 0.41, 0.04)]) == (
        "Specialization peaks in layer 2 at 0.41, against 0.04 by chance"
    )
    assert findings.specialization([("layer 1", 0.02, 0.03)]) == (
        "No layer tells domains apart better than chance"
    )
    assert "two domains" in findings.specialization([])


def test_an_expert_prefers_what_comes_more_often_than_expected():
    said = findings.expert(["a", "b"], [30, 10], [0.5, 0.5], "Expert 3")
    assert said == "Expert 3 prefers a: 1.5 times as often as by chance"
    assert findings.expert(["a", "b"], [0, 0], [0.5, 0.5], "Expert 3") == "Expert 3 gets no token"


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (1.84, 1.95, "\u22120.11 in 1\u2009200 steps"),
        (2.0, 1.9, "+0.10 in 1\u2009200 steps"),
        (2.0, 2.001, "same for 1\u2009200 steps"),
        (None, 1.0, None),
    ],
)
def test_changes_carry_a_real_sign(now, before, said):
    assert findings.change(now, before, 1200) == said
