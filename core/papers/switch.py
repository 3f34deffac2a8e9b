"""Switch (arXiv 2101.03961): one expert a token, weighed by its raw probability.

Equation: core/model/routing/weigh/raw.py, core/model/routing/balance/load_balance.py,
  core/model/routing/capacity.py.
Parts of a design: core/design/routing/weigh/raw.py, core/design/routing/balance/load_balance.py.
Preset `switch`: core/design/presets/routing/choice.py.
Tests: tests/core/model/routing/test_invariants.py, tests/core/model/routing/test_balance.py,
  tests/core/model/routing/test_capacity.py, tests/core/model/bodies/test_peers.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_OPEN: dict[str, object] = {"/moe/router/capacity": None}
_EVEN = {**_OPEN, "/moe/balance": [{"kind": "load_balance", "coefficient": 0.1}]}
_FREE = {**_OPEN, "/moe/balance": []}

X1 = Experiment(
    id="x1",
    title="A learned choice against chance and against the true domain",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(name="switch", title="Switch with a balance loss", method="switch", sets=_EVEN),
        Arm(name="random", title="A random expert", method="random"),
        Arm(name="oracle", title="The expert of the true domain", method="oracle"),
    ),
    expects=(
        Expect(
            claim="A learned choice is at least 0.5 nats better than a random one",
            measure="loss",
            left="switch",
            relation="below",
            right="random",
            margin=-0.5,
        ),
        Expect(
            claim="It comes within 0.05 nats of knowing the domain",
            measure="loss",
            left="switch",
            relation="below",
            right="oracle",
            margin=0.05,
        ),
    ),
    minutes=8,
    caveat=(
        "The data are made of eight domains that need different answers, so that routing can matter. On data "
        "without such parts the difference is smaller."
    ),
)

X2 = Experiment(
    id="x2",
    title="The balance loss spreads the load and keeps the domains apart",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(name="even", title="Balance loss 0.1", method="switch", sets=_EVEN),
        Arm(name="free", title="No balance loss", method="switch", sets=_FREE),
    ),
    expects=(
        Expect(
            claim="The load varies less than half as much",
            measure="cv",
            left="even",
            relation="below",
            right="free",
            factor=0.5,
        ),
        Expect(
            claim="Experts know at least as much about the domains",
            measure="nmi",
            left="even",
            relation="above",
            right="free",
            margin=-0.02,
        ),
        Expect(
            claim="The loss is no higher",
            measure="loss",
            left="even",
            relation="below",
            right="free",
            firm=False,
        ),
    ),
    minutes=6,
    caveat=(
        "There are as many domains as experts and all are equally frequent, so even load and specialists "
        "agree. Where domains differ in size, they pull in different directions."
    ),
)

X5 = Experiment(
    id="x5",
    title="One expert with its weight made one: the router learns nothing",
    base="net",
    data="synth8",
    plan={"steps": 500, "batch": 256},
    arms=(
        Arm(name="raw", title="Raw probability as weight", method="switch", sets=_FREE),
        Arm(
            name="one",
            title="Weight one, so no gradient for the router",
            method="switch",
            sets={
                **_FREE,
                "/moe/router/modifiers": [],
                "/moe/router/score": {"kind": "frozen_linear"},
                "/moe/router/weigh": {"kind": "renormalised"},
            },
        ),
    ),
    expects=(
        Expect(
            claim="Weighing by the raw probability has a lower loss",
            measure="loss",
            left="raw",
            relation="below",
            right="one",
        ),
        Expect(
            claim="It is at least 0.2 nats lower",
            measure="loss",
            left="raw",
            relation="below",
            right="one",
            margin=-0.2,
            firm=False,
        ),
    ),
    minutes=6,
    caveat=(
        "The studio refuses to train a router without a gradient, so the second arm freezes it: the same "
        "forward pass, and the same router, since a softmax over one number is one whatever its scores are."
    ),
)

PAPER = Paper(
    name="switch",
    short="Switch",
    title="Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient Sparsity",
    source="arXiv 2101.03961",
    year=2021,
    status="built",
    summary=(
        "The simplest sparse layer: each token goes to the one expert with the highest probability, and the "
        "expert's output is multiplied by that probability, which is the only way the router gets a "
        "gradient. A capacity bounds the tokens of an expert, and a loss that multiplies load by probability "
        "keeps the experts evenly used."
    ),
    formula=(
        r"e^\ast = \arg\max_e P_e, \qquad y = P_{e^\ast}\, f_{e^\ast}(x), \qquad "
        r"\mathcal{L}_{lb} = \alpha\, E \sum_{e=1}^{E} f_e\, \bar P_e"
    ),
    good_for="A first MoE model, and a baseline for all others. Needs the raw weight and a balance loss.",
    cost="One expert a token and a router of D·E numbers. A capacity of 1.25 pads or drops up to a quarter.",
    claim="One expert a token is enough if the load is kept even by a small loss.",
    presets=("switch", "switch-base-8"),
    experiments=(X1, X2, X5),
)
