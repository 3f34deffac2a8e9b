"""Dynamic top-p routing (arXiv 2403.07652): as many experts as a token's probability mass needs.

Equation: core/model/routing/select/top_p.py, core/model/routing/balance/entropy.py.
Parts of a design: core/design/routing/select/top_p.py, core/design/routing/balance/entropy.py.
Preset `top-p`: core/design/presets/routing/soft.py.
Tests: tests/core/model/routing/test_selectors.py, tests/core/model/routing/test_balance_more.py,
  tests/core/model/routing/test_invariants_others.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_P = {"/moe/router/select/p": 0.6}
#: The paper's coefficient is for long training; up to a hundred times as much suits small models.
_DECIDE = [
    {"kind": "load_balance", "coefficient": 0.01},
    {"kind": "entropy", "coefficient": 0.01},
]


def _expected(arm: str, where: str, *, firm: bool) -> tuple[Expect, ...]:
    """What top-p promises, of one arm."""
    return (
        Expect(
            claim=f"{where}Hard tokens get at least 0.1 experts more than easy ones",
            measure="experts_per_token/hard",
            left=arm,
            relation="above",
            right=arm,
            right_measure="experts_per_token/easy",
            margin=0.1,
            firm=firm,
        ),
        Expect(
            claim=f"{where}Fewer than two experts a token are used",
            measure="experts_per_token",
            left=arm,
            relation="below",
            margin=2.0,
            firm=firm,
        ),
        Expect(
            claim=f"{where}The loss stays within 0.02 of top-2",
            measure="loss",
            left=arm,
            relation="below",
            right="top2",
            margin=0.02,
            firm=firm,
        ),
    )


X9 = Experiment(
    id="x9",
    title="Hard tokens get more experts",
    base="net",
    data="easy-hard",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(
            name="dynamic",
            title="Top-p, p = 0.6, entropy loss 0.01",
            method="top-p",
            sets={**_P, "/moe/balance": _DECIDE},
        ),
        Arm(name="paper", title="Top-p, p = 0.6, the paper's entropy loss 0.0001", method="top-p", sets=_P),
        Arm(name="top2", title="Top-2", method="top-k", sets={"/moe/router/select/k": 2}),
    ),
    expects=(
        *_expected("dynamic", "", firm=True),
        *_expected("paper", "At the paper's entropy loss: ", firm=False),
    ),
    minutes=8,
    caveat=(
        "Hard means here: a rule that no linear map solves. How many experts a token gets follows the "
        "entropy loss: between the two coefficients, at 0.003, it was 2.0 [1.78, 2.14], which is no "
        "answer. A still stronger one closes the gap between easy and hard."
    ),
)

PAPER = Paper(
    name="top_p",
    short="Top-p dynamic routing",
    title="Harder Tasks Need More Experts: Dynamic Routing in MoE Models",
    source="arXiv 2403.07652",
    year=2024,
    status="built",
    summary=(
        "Top-k spends the same on every token. Top-p sorts the experts by probability and takes them until "
        "their sum reaches p, so a token that the router is sure of gets one expert and a doubtful one gets "
        "several. A small entropy loss keeps the router from staying undecided, which would buy quality with "
        "compute."
    ),
    formula=(
        r"S_t = \Big\{\, e_{(i)} : \sum_{j < i} P_{t,(j)} < p \,\Big\}, \qquad "
        r"y_t = \sum_{e \in S_t} P_{te}\, f_e(x_t), \qquad "
        r"\mathcal{L}_{dyn} = -\frac{1}{T} \sum_{t,e} P_{te} \log P_{te}"
    ),
    good_for=(
        "Text of mixed difficulty, and models whose compute is to be turned up or down after training by p."
    ),
    cost=(
        "As measured: the mean number of experts a token. Before the router has learned anything it is about "
        "pE experts, so the first steps are the most expensive."
    ),
    claim="Hard tokens get more experts; quality rises with fewer active parameters than top-2.",
    presets=("top-p",),
    experiments=(X9,),
)
