"""Expert choice (arXiv 2202.09368): every expert takes its best tokens.

Equation: core/model/routing/select/expert_choice.py. Part of a design:
  core/design/routing/select/expert_choice.py.
Preset `expert-choice`: core/design/presets/routing/soft.py.
Tests: tests/core/model/routing/test_select_balanced.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

X4 = Experiment(
    id="x4",
    title="Experts choose tokens: the load is even by construction",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(
            name="choice",
            title="Experts choose",
            method="expert-choice",
            sets={"/moe/router/select/factor": 2.0},
        ),
        Arm(name="top2", title="Tokens choose two experts", method="top-k", sets={"/moe/router/select/k": 2}),
    ),
    expects=(
        Expect(
            claim="All experts get the same number of tokens",
            measure="cv",
            left="choice",
            relation="below",
            margin=1e-6,
        ),
        Expect(
            claim="A token gets at most two experts on average",
            measure="experts_per_token",
            left="choice",
            relation="below",
            margin=2.01,
        ),
        Expect(
            claim="A token gets at least two experts on average",
            measure="experts_per_token",
            left="choice",
            relation="above",
            margin=1.99,
        ),
        Expect(
            claim="The loss is lower than where tokens choose",
            measure="loss",
            left="choice",
            relation="below",
            right="top2",
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "Even load and the number of experts a token follow from the definition and are checked exactly. The "
        "paper's faster convergence was seen at 64 experts and billions of parameters; here the loss comes "
        "out about equal and decides nothing."
    ),
)

PAPER = Paper(
    name="expert_choice",
    short="Expert choice",
    title="Mixture-of-Experts with Expert Choice Routing",
    source="arXiv 2202.09368",
    year=2022,
    status="built",
    summary=(
        "When tokens choose experts, some experts are crowded and others idle. Turned around, each expert "
        "takes the C tokens that score highest for it. The load is exactly even without any loss, and a "
        "token gets as many experts as want it: some get none, some get many."
    ),
    formula=(
        r"P = \operatorname{softmax}_e\!\left(X W_r\right), \qquad C = \frac{c\,T}{E}, \qquad "
        r"G_{te} = P_{te}\,\mathbf{1}\!\left[t \in \operatorname{top}C\,(P_{\cdot e})\right], \qquad "
        r"y_t = \sum_e G_{te}\, f_e(x_t)"
    ),
    good_for=(
        "Encoders, vision and any model that sees the whole batch at once. Refused for next-token models: "
        "whether a token is taken depends on later tokens."
    ),
    cost="Exactly c experts a token on average and no padding. What a token gets depends on its batch.",
    claim="Experts that choose balance perfectly without a loss and train faster than tokens that choose.",
    presets=("expert-choice",),
    experiments=(X4,),
)
