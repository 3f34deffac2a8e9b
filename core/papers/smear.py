"""SMEAR (arXiv 2306.03745): the experts' weights are merged, once for every example.

Equation: core/model/routing/combine/param_merge.py; its router: core/model/routing/score/normed_linear.py.
Part of a design: core/design/routing/combine/param_merge.py.
Preset `smear`: core/design/presets/routing/soft.py.
Tests: tests/core/model/routing/combine/test_param_merge.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_EXAMPLE = {"/moe/router/scope": "example"}

X6 = Experiment(
    id="x6",
    title="Merging weights against mixing outputs and against picking one expert",
    base="net",
    data="synth-sequence",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(name="smear", title="SMEAR", method="smear"),
        Arm(name="ensemble", title="All experts, outputs mixed", method="all-experts", sets=_EXAMPLE),
        Arm(
            name="token",
            title="Switch, a choice for each token",
            method="switch",
            sets={
                "/moe/router/capacity": None,
                "/moe/balance": [{"kind": "load_balance", "coefficient": 0.1}],
            },
        ),
        Arm(
            name="example",
            title="Switch, a choice for each example",
            method="switch",
            sets={
                **_EXAMPLE,
                "/moe/router/capacity": None,
                "/moe/balance": [{"kind": "load_balance", "coefficient": 0.1}],
            },
        ),
        Arm(name="random", title="A random expert", method="random"),
        Arm(name="oracle", title="The expert of the true domain", method="oracle"),
    ),
    expects=(
        Expect(
            claim="Merging weights is as accurate as mixing the outputs of all experts",
            measure="accuracy",
            left="smear",
            relation="above",
            right="ensemble",
            margin=-0.01,
        ),
        Expect(
            claim="It does so for at most a third of the experts' FLOPs",
            measure="expert_flops",
            left="smear",
            relation="below",
            right="ensemble",
            factor=1 / 3,
        ),
        Expect(
            claim="It is far more accurate than picking one expert for each token",
            measure="accuracy",
            left="smear",
            relation="above",
            right="token",
            margin=0.2,
        ),
        Expect(
            claim="It is far more accurate than a random expert",
            measure="accuracy",
            left="smear",
            relation="above",
            right="random",
            margin=0.2,
        ),
        Expect(
            claim="It beats a discrete choice that also looks at the whole example",
            measure="accuracy",
            left="smear",
            relation="above",
            right="example",
            firm=False,
        ),
    ),
    minutes=12,
    caveat=(
        "Each token of this task says little about its domain, so whoever looks at a whole example wins. A "
        "discrete router that does so, kept even by a balance loss, is a much stronger rival here than in "
        "the paper, where it was trained on text tasks; that comparison is shown and decides nothing. Every"
        " token has a label of its own. This was first declared with one label an example, read off the "
        "mean of its tokens, which averages wrong experts out: all stood closer together, and nothing but "
        "the cost was reproduced."
    ),
)

PAPER = Paper(
    name="smear",
    short="SMEAR",
    title="Soft Merging of Experts with Adaptive Routing",
    source="arXiv 2306.03745",
    year=2023,
    status="built",
    summary=(
        "Picking one expert is not differentiable, and running all of them is expensive. SMEAR takes a third "
        "way: the router turns the mean of an example's tokens into probabilities, the weights of all "
        "experts are averaged with these probabilities into one expert, and the whole example passes through "
        "that one. The gradient reaches every expert and the router exactly, so no balance loss is needed."
    ),
    formula=(
        r"p = \operatorname{softmax}\!\left(W_r\,\overline{x}\right), \qquad "
        r"\bar\theta = \sum_{e=1}^{E} p_e\,\theta_e, \qquad y_t = f\!\left(x_t;\,\bar\theta\right)"
    ),
    good_for=(
        "Encoders, images and tables of several rows an example, where one decision an example is enough and "
        "training must be stable. Not for next-token models: the mean looks at later tokens."
    ),
    cost=(
        "One expert's FLOPs for each token, and E multiply-adds for each weight once an example, so merging "
        "costs E/S of an expert a token for examples of S tokens. Memory holds one merged expert an example."
    ),
    claim="Merged experts beat routers that pick one expert, at the cost of one expert.",
    presets=("smear",),
    experiments=(X6,),
)
