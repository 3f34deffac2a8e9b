"""Dynamic top-p routing (arXiv 2403.07652): as many experts as a token's probability mass needs.

Equation: core/model/routing/select/top_p.py, core/model/routing/balance/entropy.py.
Parts of a design: core/design/routing/select/top_p.py, core/design/routing/balance/entropy.py.
Preset `top-p`: core/design/presets/routing/soft.py.
Tests: tests/core/model/routing/test_selectors.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

#: The paper's 1e-4 is for long training; 1e-3 to 1e-2 suits small models, and this is their middle.
_DECIDE = [
    {"kind": "load_balance", "coefficient": 0.01},
    {"kind": "entropy", "coefficient": 0.003},
]

X9 = Experiment(
    id="x9",
    title="Hard tokens get more experts",
    base="net",
    data="easy-hard",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(
            name="dynamic",
            title="Top-p, p = 0.6",
            method="top-p",
            sets={"/moe/router/select/p": 0.6, "/moe/balance": _DECIDE},
        ),
        Arm(name="top2", title="Top-2", method="top-k", sets={"/moe/router/select/k": 2}),
    ),
    expects=(
        Expect(
            claim="Hard tokens get at least 0.1 experts more than easy ones",
            measure="experts_per_token/hard",
            left="dynamic",
            relation="above",
            right="dynamic",
            right_measure="experts_per_token/easy",
            margin=0.1,
        ),
        Expect(
            claim="Fewer than two experts a token are used",
            measure="experts_per_token",
            left="dynamic",
            relation="below",
            margin=2.0,
        ),
        Expect(
            claim="The loss stays within 0.02 of top-2",
            measure="loss",
            left="dynamic",
            relation="below",
            right="top2",
            margin=0.02,
        ),
    ),
    minutes=8,
    caveat=(
        "Hard means here: a rule that no linear map solves. With the paper's entropy coefficient of 0.0001 "
        "all else came out alike, but 2.13 experts a token were used, not fewer than two. A strong "
        "entropy loss closes the gap between "
        "easy and hard, and on easy data the router soon uses about one expert for everything."
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
