"""Task-level MoE (arXiv 2205.12701): one expert for a whole task, learned.

Equation: core/model/routing/condition/task_embedding.py, core/model/routing/weigh/straight_through.py;
  whole layers as experts: core/model/bodies/routed_block.py.
Parts of a design: core/design/routing/condition/task_embedding.py,
  core/design/routing/weigh/straight_through.py, core/design/bodies/routed_block.py.
Preset `task-level`: core/design/presets/routing/given.py.
Tests: tests/core/model/routing/test_condition.py, tests/core/model/routing/test_weighers.py,
  tests/core/model/bodies/test_routed_block.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_THREE: dict[str, object] = {"/moe/experts": [{"kind": "glu", "hidden": 32, "count": 3}]}
#: What six tasks of two families score when each draws one of three experts: the mean of all 729 cases.
_CHANCE = 0.334
#: The second stage of the paper's recipe: routes are kept, experts are drawn anew and mixed less and less.
_AVERAGE_THEN_ROUTE: dict[str, object] = {
    "/moe/router/weigh": {"kind": "raw"},
    "/moe/router/modifiers": [
        {"kind": "temperature", "value": {"kind": "exponential", "start": 10.0, "end": 0.1}}
    ],
    "plan.start_with": "routers",
}

X19 = Experiment(
    id="x19",
    title="Learned routes of tasks against the families they come from",
    base="net",
    data="skills",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(name="learned", title="Routes learned for each task", method="task-level", sets=_THREE),
        Arm(
            name="second",
            title="New experts, from their average to the learned routes",
            method="task-level",
            sets={**_THREE, **_AVERAGE_THEN_ROUTE},
            start_from="learned",
        ),
        Arm(name="all", title="All experts, mixed for each token", method="all-experts", sets=_THREE),
        Arm(name="random", title="A random expert", method="random", sets=_THREE),
    ),
    expects=(
        Expect(
            claim="Routes tell families of tasks apart better than chance",
            measure="route_family_nmi",
            left="learned",
            relation="above",
            margin=_CHANCE,
        ),
        Expect(
            claim="Learned routes beat random ones",
            measure="loss",
            left="learned",
            relation="below",
            right="random",
        ),
        Expect(
            claim="One expert a task does as well as all of them",
            measure="loss",
            left="learned",
            relation="below",
            right="all",
            margin=0.02,
            firm=False,
        ),
        Expect(
            claim="New experts that end on learned routes beat those that learned with them",
            measure="loss",
            left="second",
            relation="below",
            right="learned",
            firm=False,
        ),
    ),
    minutes=10,
    caveat=(
        "Routes are few and learned by drawing, so single seeds differ widely: look at the interval. The "
        "paper finds that averaging all experts is a strong rival, and that routes match human families only "
        "partly. The second stage was trained for as long again, and still mixes what its last temperature "
        "leaves, at the cost of all copies."
    ),
)

PAPER = Paper(
    name="task_level",
    short="Task-level MoE",
    title="Eliciting and Understanding Cross-Task Skills with Task-Level Mixture-of-Experts",
    source="arXiv 2205.12701",
    year=2022,
    status="built",
    summary=(
        "All tokens of a task take the same way. Each task has an embedding that is trained, a small network "
        "turns it into probabilities over the copies of a layer, and Gumbel noise with a falling temperature "
        "draws one while the gradient flows through all. After training the best copy is fixed for each "
        "task, and tasks that share copies show what they have in common."
    ),
    formula=(
        r"p_\tau = \operatorname{softmax}\!\Big( \frac{\operatorname{MLP}(t_\tau) + g}{\theta} \Big),\; "
        r"g \sim \text{Gumbel}, \qquad y = f_{\arg\max p_\tau}(x) \;\; "
        r"(\text{gradient as of } \textstyle\sum_e p_{\tau e} f_e)"
    ),
    good_for="Many related tasks, when one wants to see which of them share skills.",
    cost="All copies while training, one afterwards; the router runs once a task, not once a token.",
    claim=(
        "Task-level routes generalise better to new tasks, and partly match what people call task families."
    ),
    presets=("task-level",),
    experiments=(X19,),
    note=(
        "The paper trains in two stages: routes are learned first, then experts begin anew and a falling "
        "temperature leads from the average of all to the learned route. The preset is the first stage; a "
        "run that starts from one with plan.start_with=routers is the second. Experts are feed-forward "
        "layers here, whole blocks in the paper."
    ),
)
