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


def test_the_kind_of_the_busiest_expert_is_said():
    layers = [("layer 1", [100, 100, 100]), ("layer 2", [50, 50, 500])]
    kinds = {"layer 2": ["", "zero", "identity"]}
    assert findings.loads(layers, "", kinds).startswith("Expert 2 (identity) of layer 2 is busiest")
    assert findings.loads(layers).startswith("Expert 2 of layer 2")


def test_the_kind_of_a_domains_expert_is_said():
    said = findings.domain_experts(["python"], [[10, 10, 80]], ["", "", "zero"])
    assert said == "Expert 2 (zero) takes 80\u2009% of python, 2.4 times its fair share"


def test_nothing_routed_is_said():
    assert findings.loads([("layer 1", [0, 0])]) == "No token has been routed yet"
    assert findings.domain_experts([], [[]]) == "No token has been routed yet"


def test_a_few_picks_are_too_few_for_a_headline():
    few = [[2, 0, 1, 0], [0, 1, 1, 1]]
    assert findings.domain_experts(["python", "english"], few) == (
        "6 picks are too few to tell which expert takes which domain"
    )
    assert findings.loads([("layer 1", [3, 1, 1, 1])]) == (
        "6 picks in layer 1 are too few to tell which expert is busiest"
    )
    many = [[200, 0, 100, 0], [0, 100, 100, 100]]
    assert findings.domain_experts(["python", "english"], many).startswith(
        "Expert 0 takes 67\u2009% of python"
    )


def test_specialization_is_told_against_the_mean_of_the_shuffles():
    rows = [("layer 1", 0.1, 0.02, 0.01), ("layer 2", 0.412, 0.008, 0.0042)]
    assert findings.specialization(rows) == ("Specialization peaks in layer 2: 0.412, chance 0.00420")
    # Beyond the mean, and still no more than five of a hundred shuffles reach.
    assert findings.specialization([("layer 1", 0.02, 0.03, 0.01)]) == (
        "No layer tells domains apart better than chance"
    )
    assert "two domains" in findings.specialization([])


def test_an_expert_prefers_what_shuffles_do_not_reach():
    def said(counts: list[int], notable: list[bool]) -> str:
        return findings.expert(["a", "b"], counts, [0.5, 0.5], "Expert 3", notable)

    assert (
        said([30, 10], [True, True]) == "Expert 3 prefers a: 1.5 times its share of all picks, of 40 tokens"
    )
    assert said([6, 2], [False, False]) == "Expert 3: 8 tokens are too few to tell which domain it prefers"
    assert said([550, 450], [True, True]) == "Expert 3 takes every domain about equally (1\u2009000 tokens)"
    # What it has too little of is beyond chance too, and no preference.
    assert said([30, 10], [False, True]).endswith("too few to tell which domain it prefers")
    assert said([0, 0], [False, False]) == "Expert 3 gets no token"


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
