"""Autonomy of Experts (arXiv 2501.13074): no router; experts score tokens by their own activations.

Equation: core/model/routing/score/expert_norm.py; its experts in two factors: core/model/lowrank.py.
Parts of a design: core/design/routing/score/expert_norm.py, core/design/experts/glu_lowrank.py.
Preset `aoe`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/score/test_expert_norm.py,
  tests/core/model/routing/test_invariants_others.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_BANK = {"/moe/experts": [{"kind": "glu_lowrank", "hidden": 39, "rank": 8, "count": 8}], "/moe/balance": []}

X11 = Experiment(
    id="x11",
    title="Experts that score themselves against a router, the same experts",
    base="net",
    data="synth8",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(
            name="aoe",
            title="Experts score themselves",
            method="aoe",
            sets={**_BANK, "/moe/router/select/k": 2},
        ),
        Arm(
            name="router",
            title="A linear router",
            method="top-k",
            sets={**_BANK, "/moe/router/select/k": 2, "/moe/router/weigh": {"kind": "raw"}},
        ),
    ),
    expects=(
        Expect(
            claim="Without any balance loss the load is as even as with a router",
            measure="cv",
            left="aoe",
            relation="below",
            right="router",
            margin=0.05,
        ),
        Expect(
            claim="The loss stays within 0.04 of the router's",
            measure="loss",
            left="aoe",
            relation="below",
            right="router",
            margin=0.04,
        ),
        Expect(
            claim="Experts that score themselves reach a lower loss",
            measure="loss",
            left="aoe",
            relation="below",
            right="router",
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "The paper's better quality shows from 700 M parameters on; at this size it is not expected. The "
        "scale of an expert's first factor changes its score without changing its function, so starting "
        "values and weight decay matter more than for a router."
    ),
)

PAPER = Paper(
    name="aoe",
    short="Autonomy of Experts",
    title="Autonomy-of-Experts Models",
    source="arXiv 2501.13074",
    year=2025,
    status="built",
    summary=(
        "A router guesses which expert suits a token without asking the expert. Here every expert starts: "
        "the first, narrow factor of its gate is applied to all tokens, and the length of the result says "
        "how much the expert has to say. The best k finish the computation and reuse what they already have; "
        "the others stop. Experts are kept at equal parameters by widening them for the rank they lose."
    ),
    formula=(
        r"c_e = x D_e \in \mathbb{R}^{r}, \qquad P = \operatorname{softmax}_e\!\left(\lVert c_e "
        r"\rVert_2\right), \qquad f_e(x) = \left(\operatorname{SiLU}(c_e U_e) \odot x V_e\right) O_e"
    ),
    good_for=(
        "Models where routing quality matters more than a few percent of speed, and no router is wanted."
    ),
    cost=(
        "All experts compute their first factor: 2·D·r·E FLOPs and E·r numbers a token, r times what a "
        "linear router needs. The k that are chosen reuse it."
    ),
    claim="Experts that judge by their own activations are chosen better and more evenly than by a router.",
    presets=("aoe",),
    experiments=(X11,),
)
