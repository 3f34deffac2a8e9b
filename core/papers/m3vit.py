"""M³ViT (arXiv 2210.14793): a router for each task over experts that all tasks share.

Equation: core/model/routing/condition/task_gate.py, core/model/routing/condition/task_concat.py.
Parts of a design: core/design/routing/condition/task_gate.py, core/design/routing/condition/task_concat.py.
Training, one backward pass a task: core/train/objectives/per_task_accumulate.py.
Presets `m3vit`, `m3vit-embedding`: core/design/presets/routing/given.py.
Tests: tests/core/model/routing/test_condition.py,
  tests/core/model/routing/test_invariants_others.py, tests/core/train/test_objectives.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_OBJECTIVE = {"plan.objective": {"kind": "per_task_accumulate"}}

X7 = Experiment(
    id="x7",
    title="Tasks that disagree use different experts when each has its own router",
    base="digits-vit",
    data="digits-tasks",
    plan={"steps": 300, "batch": 64},
    arms=(
        Arm(name="gates", title="A router for each task", method="m3vit", sets=_OBJECTIVE),
        Arm(
            name="embedding",
            title="One router that is told the task",
            method="m3vit-embedding",
            sets=_OBJECTIVE,
        ),
        Arm(name="shared", title="One router for all tasks", method="noisy-top-k", sets=_OBJECTIVE),
    ),
    expects=(
        Expect(
            claim="Conflicting tasks share fewer experts than related ones",
            measure="task_overlap/digit/scrambled",
            left="gates",
            relation="below",
            right="gates",
            right_measure="task_overlap/digit/parity",
        ),
        Expect(
            claim="A router for each task costs no quality",
            measure="loss",
            left="gates",
            relation="below",
            right="shared",
            margin=0.02,
        ),
        Expect(
            claim="A router for each task beats one router that is told the task",
            measure="loss",
            left="gates",
            relation="below",
            right="embedding",
            firm=False,
        ),
    ),
    minutes=20,
    caveat=(
        "The digit tasks are easy, so accuracies lie within half a point of each other whatever the router "
        "does; the test is on which experts the tasks use. The paper's figures on memory and energy come "
        "from an FPGA and are not part of this experiment."
    ),
)

PAPER = Paper(
    name="m3vit",
    short="M³ViT",
    title=(
        "M³ViT: Mixture-of-Experts Vision Transformer for Efficient Multi-task Learning with "
        "Model-Accelerator Co-design"
    ),
    source="arXiv 2210.14793",
    year=2022,
    status="built",
    summary=(
        "Several tasks read one image encoder and pull its weights in different directions. In every second "
        "block the MLP becomes an MoE layer whose experts all tasks share, while each task has a router of "
        "its own, or one router is told the task by an embedding. Tasks that disagree can so use different "
        "experts. At inference only one task's router and experts are needed, and an accelerator can go "
        "through the layer expert by expert, loading each expert once."
    ),
    formula=(
        r"P = \operatorname{softmax}\!\left(x\,W_r^{(\tau)} + \epsilon\right), \qquad "
        r"y = \sum_{e\,\in\,\operatorname{top}k(P)} P_e\, f_e(x)"
    ),
    good_for=(
        "One model with several heads, when tasks conflict or only one task is asked for at a time. The data "
        "must say which task each example is for."
    ),
    cost=(
        "k experts a token and one small router for each task. Asking one task touches only that task's "
        "experts; asking all of them costs a pass for each task."
    ),
    claim="Routing by task separates conflicting tasks and serves one task for far fewer FLOPs.",
    presets=("m3vit", "m3vit-embedding"),
    experiments=(X7,),
)
