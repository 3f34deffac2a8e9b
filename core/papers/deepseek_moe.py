"""DeepSeekMoE (arXiv 2401.06066): experts cut fine, and some that every token meets.

Equation: core/model/bodies/moe.py (shared experts are added as they are),
  core/model/routing/select/top_k.py, core/model/routing/weigh/raw.py.
Parts of a design: core/design/bodies/moe.py, core/design/strategies.py (experts cut fine).
Preset `deepseek-moe`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/test_invariants_others.py, tests/core/model/bodies/test_moe.py,
  tests/core/design/test_methods.py, tests/core/cost/test_routing.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_EVEN = {"/moe/balance": [{"kind": "load_balance", "coefficient": 0.01}]}

X17 = Experiment(
    id="x17",
    title="Fine and shared experts at equal cost, and what each is needed for",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(name="shared", title="31 fine experts and a shared one", method="deepseek-moe", sets=_EVEN),
        Arm(
            name="fine",
            title="32 fine experts",
            method="top-k",
            sets={
                **_EVEN,
                "/moe/experts": [{"kind": "glu", "hidden": 8, "count": 32}],
                "/moe/router/select/k": 8,
                "/moe/router/weigh": {"kind": "raw"},
            },
        ),
        Arm(
            name="coarse",
            title="8 experts, top-2",
            method="top-k",
            sets={**_EVEN, "/moe/router/select/k": 2, "/moe/router/weigh": {"kind": "raw"}},
        ),
    ),
    expects=(
        Expect(
            claim="Losing the shared expert hurts more than losing the best routed one",
            measure="without_shared",
            left="shared",
            relation="above",
            right="shared",
            right_measure="without_routed",
        ),
        Expect(
            claim="Cut fine, experts cost the same FLOPs a token",
            measure="expert_flops",
            left="shared",
            relation="below",
            right="coarse",
            factor=1.05,
        ),
        Expect(
            claim="Fine experts reach a lower loss than coarse ones",
            measure="loss",
            left="fine",
            relation="below",
            right="coarse",
            firm=False,
        ),
        Expect(
            claim="With a shared expert the loss is lower than with coarse ones",
            measure="loss",
            left="shared",
            relation="below",
            right="coarse",
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "A fine expert is eight units wide here, and seven raw probabilities out of 31 sum to less than two "
        "out of eight, so the layer's output shrinks. No gain in quality is expected at this size, and none "
        "is claimed; the paper's models have thousands of units an expert."
    ),
)

PAPER = Paper(
    name="deepseek_moe",
    short="DeepSeekMoE",
    title="DeepSeekMoE: Towards Ultimate Expert Specialization in Mixture-of-Experts Language Models",
    source="arXiv 2401.06066",
    year=2024,
    status="built",
    summary=(
        "A few wide experts must each know many things, and all of them must know what every token needs. "
        "DeepSeekMoE cuts each expert into m narrow ones and picks m times as many, which multiplies the "
        "possible combinations at equal cost, and sets some experts aside that every token passes, for what "
        "is common. The others are free to specialise."
    ),
    formula=(
        r"y = \sum_{s=1}^{K_s} f_s(x) + \sum_{e\,\in\,\operatorname{top}(mK - K_s)} P_e\, f_e(x), \qquad "
        r"P = \operatorname{softmax}\!\left(x W_r\right), \quad h_{fine} = h / m"
    ),
    good_for="Large decoders. It combines with nearly everything else: biases, groups, unequal widths.",
    cost="Total and active parameters do not change with m; the router grows m times.",
    claim="Fine experts with a shared one match a model of 1.5 times the expert parameters.",
    presets=("deepseek-moe", "deepseek-moe-16b"),
    experiments=(X17,),
)
