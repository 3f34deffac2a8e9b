"""Hash layers (arXiv 2106.04426): the expert follows from the token's number.

Equation: core/model/routing/score/table.py. Part of a design: core/design/routing/score/table.py.
Preset `hash`: core/design/presets/routing/given.py.
Tests: tests/core/model/routing/test_scores_table.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

X20 = Experiment(
    id="x20",
    title="A fixed table of tokens against chance and against a learned router",
    base="starter",
    data="text",
    plan={"steps": 200, "batch": 16, "optimizer": {"rate": 6e-3}},
    arms=(
        Arm(name="hash", title="A table of tokens", method="hash"),
        Arm(name="random", title="A random expert", method="random"),
        Arm(name="switch", title="Switch", method="switch", sets={"/moe/router/capacity": None}),
    ),
    expects=(
        Expect(
            claim="A fixed table is better than a random expert",
            measure="loss",
            left="hash",
            relation="below",
            right="random",
        ),
        Expect(
            claim="It is as good as a learned router",
            measure="loss",
            left="hash",
            relation="below",
            right="switch",
            firm=False,
        ),
    ),
    minutes=20,
    caveat=(
        "Bytes are the tokens here, so the table has 256 lines; the paper's has a line for each of tens of "
        "thousands of words, and specialises far more finely."
    ),
)

PAPER = Paper(
    name="hash_layer",
    short="Hash layer",
    title="Hash Layers For Large Sparse Models",
    source="arXiv 2106.04426",
    year=2021,
    status="built",
    summary=(
        "Which expert a token gets is read from a table of token numbers, made once before training. There "
        "is no router, nothing to balance, and nothing can collapse. How well it does shows how much of a "
        "learned router's work is sorting tokens by what they are."
    ),
    formula=r"e_t = \mathrm{table}[\mathrm{id}(t)], \qquad y_t = f_{e_t}(x_t)",
    good_for=(
        "A baseline for text models that learned routers should beat, and models that must not collapse."
    ),
    cost="One expert a token and no router at all.",
    claim="A fixed hash of the token is competitive with learned routing.",
    presets=("hash",),
    experiments=(X20,),
)
