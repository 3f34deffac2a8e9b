"""GW-MoE (arXiv 2406.12375): while fine-tuning, tokens the router cannot place go to all experts.

Equation: core/model/routing/uncertain.py. Part of a design: core/design/routing/uncertain.py.
Preset `gw-moe`: core/design/presets/routing/choice.py.
Tests: tests/core/model/routing/test_uncertain.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_PLAIN: dict[str, object] = {"/moe/router/capacity": None}

X14 = Experiment(
    id="x14",
    title="Fine-tuned by broadcasting, a model minds a wrong expert less",
    base="net",
    data="synth8-overlap",
    plan={"steps": 250, "batch": 256},
    arms=(
        Arm(name="first", title="Switch, before fine-tuning", method="switch", sets=_PLAIN),
        Arm(
            name="gw",
            title="Fine-tuned with broadcasting",
            method="switch",
            sets={**_PLAIN, "/moe/router/uncertain": {"threshold": 0.6}},
            start_from="first",
        ),
        Arm(name="plain", title="Fine-tuned as before", method="switch", sets=_PLAIN, start_from="first"),
    ),
    expects=(
        Expect(
            claim="A random expert for uncertain tokens raises the loss less",
            measure="random_expert_damage",
            left="gw",
            relation="below",
            right="plain",
        ),
        Expect(
            claim="The loss in normal use stays within 0.01",
            measure="loss",
            left="gw",
            relation="below",
            right="plain",
            margin=0.01,
        ),
        Expect(
            claim="The loss in normal use is lower",
            measure="loss",
            left="gw",
            relation="below",
            right="plain",
            firm=False,
        ),
    ),
    minutes=10,
    caveat=(
        "The effect is small and needs domains that overlap, so that some tokens are uncertain at all: with "
        "well separated domains nothing is broadcast. The paper fine-tunes models of 650 M to 8 B parameters."
    ),
)

PAPER = Paper(
    name="gw_moe",
    short="GW-MoE",
    title="GW-MoE: Resolving Uncertainty in MoE Router with Global Workspace Theory",
    source="arXiv 2406.12375",
    year=2024,
    status="built",
    summary=(
        "For some tokens the router's probabilities are nearly even, and which expert they get is chance. "
        "While a trained model is fine-tuned, such tokens are sent to all experts, weighed by probability, "
        "so that every expert learns what they need. At inference nothing changes: top-k as before, but it "
        "matters less which expert an uncertain token gets."
    ),
    formula=(
        r"H_t = -\sum_e P_{te} \log P_{te}, \qquad "
        r"y_t = \begin{cases} \sum_{e=1}^{E} P_{te}\, f_e(x_t) & H_t \ge \kappa \ln E \\[2pt] "
        r"\sum_{e\,\in\,\operatorname{top}k} G_{te}\, f_e(x_t) & \text{otherwise} \end{cases}"
    ),
    good_for=(
        "Fine-tuning a trained token-choice model. From scratch every token is uncertain, so all would be "
        "dense."
    ),
    cost="While fine-tuning, uncertain tokens cost E experts instead of k. Nothing at inference.",
    claim="Broadcasting uncertain tokens while fine-tuning improves results at no cost in inference.",
    presets=("gw-moe",),
    experiments=(X14,),
    note=(
        "The code released with the paper weighs an uncertain token's own input by one expert's probability. "
        "Here the experts' outputs are summed, as the paper's text says."
    ),
)
