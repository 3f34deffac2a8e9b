"""Loss-free balancing (arXiv 2408.15664), as in DeepSeek-V3 (arXiv 2412.19437): a bias moves the choice.

Equation: core/model/routing/balance/bias_update.py, core/model/routing/select/group_top_k.py.
Parts of a design: core/design/routing/balance/bias_update.py, core/design/routing/select/group_top_k.py.
Presets `loss-free`, `deepseek-v3`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/test_balance.py, tests/core/model/routing/test_selectors.py,
  tests/core/model/bodies/test_peers.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

X3 = Experiment(
    id="x3",
    title="A bias on the choice evens the load",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(name="bias", title="Bias, step 0.001", method="loss-free", sets={"/moe/router/select/k": 2}),
        Arm(
            name="coarse",
            title="Bias, step 0.01",
            method="loss-free",
            sets={
                "/moe/router/select/k": 2,
                "/moe/balance": [{"kind": "bias_update", "step": 0.01}],
            },
        ),
        Arm(
            name="none",
            title="No bias",
            method="loss-free",
            sets={"/moe/router/select/k": 2, "/moe/balance": []},
        ),
    ),
    expects=(
        Expect(
            claim="The load varies less than half as much",
            measure="cv",
            left="bias",
            relation="below",
            right="none",
            factor=0.5,
        ),
        Expect(
            claim="The loss stays within 0.03",
            measure="loss",
            left="bias",
            relation="below",
            right="none",
            margin=0.03,
        ),
        Expect(
            claim="Ten times the step balances worse",
            measure="cv",
            left="bias",
            relation="below",
            right="coarse",
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "The step matters: much larger than the differences between scores it makes the load swing, much "
        "smaller it needs more steps than this run has."
    ),
)

PAPER = Paper(
    name="loss_free",
    short="Loss-free balancing",
    title="Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts",
    source="arXiv 2408.15664",
    year=2024,
    status="built",
    summary=(
        "A balance loss pulls at the router against what the task wants. Instead, each expert has a bias "
        "that is added to its score when experts are chosen, but not when their outputs are weighed. After "
        "every step the bias of crowded experts is lowered by a fixed amount and that of idle ones raised. "
        "DeepSeek-V3 uses it with sigmoid scores."
    ),
    formula=(
        r"S_t = \operatorname{top}k\,(s_t + b), \qquad G_{te} = \frac{s_{te}}{\sum_{j \in S_t} s_{tj}}, "
        r"\qquad b_e \leftarrow b_e + \gamma\, \operatorname{sign}(\bar n - n_e)"
    ),
    good_for="Token-choice routers of any size, where a balance loss costs quality.",
    cost="E numbers a layer and one comparison a step; nothing in the forward pass but an addition.",
    claim="A bias on the choice balances better than a loss, at no cost in quality.",
    presets=("loss-free", "deepseek-v3"),
    experiments=(X3,),
)
