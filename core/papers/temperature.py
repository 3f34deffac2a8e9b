"""Temperature and identifiability (arXiv 2401.13875): a linear gate cannot be told from its temperature.

Equation: core/model/routing/score/activation_linear.py, core/model/routing/modifier/temperature.py,
  core/model/routing/modifier/gumbel.py, core/model/routing/select/threshold.py.
Parts of a design: core/design/routing/score/activation_linear.py,
  core/design/routing/modifier/temperature.py, core/design/routing/select/threshold.py.
Preset `dense-to-sparse` (arXiv 2112.14397): core/design/presets/routing/soft.py.
Preset `activation-gate` (arXiv 2405.13997): core/design/presets/routing/choice.py.
Which gates can be identified: core/claims/fisher.py.
Tests: tests/core/model/routing/test_scores.py, tests/core/model/routing/test_modifiers_learned.py,
  tests/core/claims/test_fisher.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper


def _singular(gate: str) -> Expect:
    return Expect(
        claim=f"With a {gate} gate, scale and temperature cannot be told apart",
        measure=f"fisher/{gate}",
        left="anneal",
        relation="below",
        margin=1e-10,
    )


def _regular(gate: str) -> Expect:
    return Expect(
        claim=f"With a {gate} gate they can",
        measure=f"fisher/{gate}",
        left="anneal",
        relation="above",
        margin=1e-8,
    )


X16 = Experiment(
    id="x16",
    title="Which gates let data tell weights and temperature apart",
    base="net",
    data="synth8",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(name="anneal", title="Dense to sparse, the temperature falls", method="dense-to-sparse"),
        Arm(
            name="top1",
            title="One expert from the start",
            method="switch",
            sets={"/moe/router/capacity": None},
        ),
    ),
    expects=(
        _singular("linear"),
        _singular("relu"),
        _regular("tanh"),
        _regular("sigmoid"),
        _regular("gelu"),
        Expect(
            claim="A falling temperature ends near one expert a token",
            measure="experts_per_token",
            left="anneal",
            relation="below",
            margin=2.0,
            firm=False,
        ),
        Expect(
            claim="Beginning dense ends no worse than one expert from the start",
            measure="loss",
            left="anneal",
            relation="below",
            right="top1",
            margin=0.02,
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "The first five lines are exact: the smallest eigenvalue of the Fisher information of a mixture of "
        "two Gaussian experts in one dimension. They are about how well parameters can be estimated. They do "
        "not say that a temperature harms accuracy: the test loss does not show the difference."
    ),
)

PAPER = Paper(
    name="temperature",
    short="Temperature gating",
    title="Is Temperature Sample Efficient for Softmax Gaussian Mixture of Experts?",
    source="arXiv 2401.13875",
    year=2024,
    status="built",
    summary=(
        "Dense-to-sparse gating divides the router's scores by a temperature that falls while training. The "
        "paper asks what that does to estimation: with a linear score, multiplying weights and temperature "
        "by the same number changes nothing, so neither can be found from data, and rates become as slow as "
        "one over the logarithm of the sample. A sigmoid, tanh or GELU on the score before dividing removes "
        "the freedom; ReLU does not, because it scales along."
    ),
    formula=(
        r"P_e = \operatorname{softmax}_e\!\Big( \frac{\varphi(w_e^{\top} x)}{\tau} + b_e \Big), \qquad "
        r"\varphi(u) = u:\;\; (w, \tau) \sim (c\,w,\, c\,\tau) \;\; \forall\, c > 0"
    ),
    good_for="Deciding whether a temperature may be learned, and training that begins dense and ends sparse.",
    cost="One number for the temperature. Begun dense, the first steps cost all experts.",
    claim="With a linear gate, temperature makes estimation slow; an activation on the score repairs it.",
    presets=("dense-to-sparse", "activation-gate"),
    experiments=(X16,),
    note=(
        "The gate that is trained dense and ends sparse is that of EvoMoE (arXiv 2112.14397). Its first "
        "phase, in which one expert is trained and copies of it are made to differ, is not built: experts "
        "differ from the start here."
    ),
)
