"""THOR (arXiv 2110.04260): experts drawn at random, and two draws made to agree.

Equation: core/model/routing/select/sample_one.py. Part of a design: core/design/routing/select/sample_one.py.
Training, two passes and their divergence: core/train/objectives/two_pass_consistency.py.
Preset `thor`: core/design/presets/routing/given.py.
Tests: tests/core/model/routing/test_select_balanced.py,
  tests/core/model/routing/test_invariants_others.py,
  tests/core/train/test_objectives.py, tests/core/train/test_by_task.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_FOUR = {"/moe/experts": [{"kind": "mlp", "hidden": 96, "count": 4}]}


def _twice(strength: float) -> dict[str, object]:
    return {**_FOUR, "plan.objective": {"kind": "two_pass_consistency", "strength": strength}}


X12 = Experiment(
    id="x12",
    title="Random experts agree more when they are made to",
    base="digits-vit",
    data="digits",
    plan={"steps": 250, "batch": 64},
    arms=(
        Arm(name="five", title="THOR, strength 5", method="thor", sets=_twice(5.0)),
        Arm(name="one", title="THOR, strength 1", method="thor", sets=_twice(1.0)),
        Arm(name="none", title="Random experts, no consistency", method="thor", sets=_twice(0.0)),
        Arm(name="switch", title="Switch", method="switch", sets={**_FOUR, "/moe/router/capacity": None}),
    ),
    expects=(
        Expect(
            claim="The consistency loss makes two random passes agree more often",
            measure="disagreement",
            left="five",
            relation="below",
            right="none",
        ),
        Expect(
            claim="Averaging all experts is at least as accurate as one random pass",
            measure="ensemble_accuracy",
            left="five",
            relation="above",
            right="five",
            right_measure="accuracy",
            margin=-0.002,
        ),
        Expect(
            claim="Less of it helps less",
            measure="disagreement",
            left="five",
            relation="below",
            right="one",
            firm=False,
        ),
        Expect(
            claim="Random experts beat a learned router",
            measure="accuracy",
            left="five",
            relation="above",
            right="switch",
            firm=False,
        ),
    ),
    minutes=25,
    caveat=(
        "The paper's gain is in translation quality over Switch. On digits random experts are not expected "
        "to beat a learned router, and on tasks that need specialists they lose clearly: see the random "
        "expert in the experiment of Switch."
    ),
)

PAPER = Paper(
    name="thor",
    short="THOR",
    title="Taming Sparsely Activated Transformer with Stochastic Experts",
    source="arXiv 2110.04260",
    year=2021,
    status="built",
    summary=(
        "If a learned router is no better than chance, leave it out. THOR draws one expert for each MoE "
        "layer and batch, runs the batch a second time with another draw, and adds the divergence of the two "
        "answers to the loss. Experts stay interchangeable but learn to agree, so any of them can answer at "
        "inference."
    ),
    formula=(
        r"\mathcal{L} = \operatorname{CE}(z_1) + \operatorname{CE}(z_2) + "
        r"\frac{\alpha}{2}\Big[\operatorname{KL}(p_1 \,\|\, p_2) + \operatorname{KL}(p_2 \,\|\, p_1)\Big], "
        r"\qquad y = f_e(x),\; e \sim \mathcal{U}\{1,\dots,E\}"
    ),
    good_for="Regularising wide layers where experts need not specialise, and cheap ensembles.",
    cost=(
        "Two passes a training step, each with one expert a layer. One expert a token at inference, no "
        "router."
    ),
    claim="Random experts with a consistency loss beat learned routing in translation.",
    presets=("thor",),
    experiments=(X12,),
)
