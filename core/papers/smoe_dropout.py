"""SMoE-Dropout (arXiv 2303.01610): a random router that is never trained, and ever more experts.

Equation: core/model/routing/score/frozen_linear.py. Part of a design:
  core/design/routing/score/frozen_linear.py.
The rising k: core/design/schedule.py. Preset `smoe-dropout`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/test_scores.py, tests/core/model/routing/test_modifiers.py,
  tests/core/design/test_schedule.py.
"""

from itertools import pairwise

from core.papers.base import Arm, Expect, Experiment, Paper

_BANK = {"/moe/experts": [{"kind": "glu", "hidden": 16, "count": 16}], "/moe/balance": []}
_STEPS = (1, 2, 4, 8, 16)

X13 = Experiment(
    id="x13",
    title="One model, any number of experts after training",
    base="net",
    data="synth8",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(
            name="grow",
            title="Frozen router, k from 2 to 16",
            method="smoe-dropout",
            sets={**_BANK, "/moe/router/select/k": {"kind": "linear", "start": 2, "end": 16}},
        ),
        Arm(
            name="fixed",
            title="Frozen router, k = 2",
            method="smoe-dropout",
            sets={**_BANK, "/moe/router/select/k": 2},
        ),
        Arm(
            name="learned",
            title="Learned router, k = 2",
            method="top-k",
            sets={**_BANK, "/moe/router/select/k": 2},
        ),
    ),
    expects=(
        Expect(
            claim="With fixed k, all 16 experts do worse than the two trained with",
            measure="loss_at_k/16",
            left="fixed",
            relation="above",
            right="fixed",
            right_measure="loss_at_k/2",
        ),
        *(
            Expect(
                claim=f"With growing k, {more} experts are no worse than {fewer}",
                measure=f"loss_at_k/{more}",
                left="grow",
                relation="below",
                right="grow",
                right_measure=f"loss_at_k/{fewer}",
                margin=0.01,
            )
            for fewer, more in pairwise(_STEPS)
        ),
        Expect(
            claim="It ends below the learned router at its own k",
            measure="loss_at_k/16",
            left="grow",
            relation="below",
            right="learned",
            right_measure="loss_at_k/2",
            firm=False,
        ),
    ),
    minutes=8,
    caveat=(
        "The claim tested is that one model runs at any number of experts. That it beats dense training, the "
        "paper's second claim, is not expected at this size, nor that it beats the best learned router."
    ),
)

PAPER = Paper(
    name="smoe_dropout",
    short="SMoE-Dropout",
    title="Sparse MoE as the New Dropout: Scaling Dense and Self-Slimmable Transformers",
    source="arXiv 2303.01610",
    year=2023,
    status="built",
    summary=(
        "The FFN of a dense model is cut into experts, and a router with random weights that are never "
        "trained picks among them. The number of experts a token grows over training until all are active. "
        "It acts as a structured dropout, and the finished model can be run with any number of experts: more "
        "experts, better answers."
    ),
    formula=(
        r"k(t) = k_{min} + \operatorname{round}\!\Big( (k_{max} - k_{min}) \frac{t}{T_{end}} \Big), \qquad "
        r"y = \sum_{e\,\in\,\operatorname{top}k(t)} \operatorname{softmax}(x W_{frozen})_e\, f_e(x)"
    ),
    good_for="One model for devices of several sizes, and regularising dense models that overfit.",
    cost=(
        "k(t)/E of the dense FFN at step t, so about half over a run; the frozen router adds D·E fixed "
        "numbers."
    ),
    claim="A frozen random router with a growing k trains better than dense, and runs at any k afterwards.",
    presets=("smoe-dropout",),
    experiments=(X13,),
)
