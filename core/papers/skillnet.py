"""SkillNet-NLU (arXiv 2203.03312): a table says which skills a task uses.

Equation: core/model/routing/condition/skill_table.py. Part of a design:
  core/design/routing/condition/skill_table.py.
Preset `skillnet`: core/design/presets/routing/given.py.
Tests: tests/core/model/routing/test_condition.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

#: Expert 0 is the general skill; expert 1 + a learns operation a, of which the tasks are made.
_TRUE = {
    "left-1": [0, 1],
    "left-2": [0, 1, 3],
    "left-3": [0, 1, 4],
    "right-1": [0, 2],
    "right-2": [0, 2, 3],
    "right-3": [0, 2, 4],
    "new": [0, 1, 2],
}
#: As many skills for each task, drawn once.
_DRAWN = {
    "left-1": [0, 4],
    "left-2": [0, 1, 4],
    "left-3": [0, 3, 4],
    "right-1": [0, 4],
    "right-2": [0, 2, 4],
    "right-3": [0, 2, 4],
    "new": [0, 2, 3],
}


def _skills(rows: dict[str, list[int]]) -> dict[str, object]:
    return {
        "/moe/experts": [{"kind": "glu", "hidden": 32, "count": 5}],
        "/moe/router/select/per_token": 3,
        "/moe/router/condition/rows": rows,
    }


#: Only the heads learn the new task; the skills stay as they are.
_HEADS = {"plan.freeze": ["ends.embedding", "layers", "final_norm"]}

X18 = Experiment(
    id="x18",
    title="The right table of skills against a random one, then a new task",
    base="net",
    data="skills",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(name="table", title="The tasks' true skills", method="skillnet", sets=_skills(_TRUE)),
        Arm(name="shuffled", title="A random table, as sparse", method="skillnet", sets=_skills(_DRAWN)),
        Arm(
            name="reuse",
            title="New task, skills reused",
            method="skillnet",
            sets={**_skills(_TRUE), **_HEADS},
            start_from="table",
            data="skills-new",
        ),
        Arm(
            name="scratch",
            title="New task, from scratch",
            method="skillnet",
            sets=_skills(_TRUE),
            data="skills-new",
        ),
    ),
    expects=(
        Expect(
            claim="Skills that fit the tasks beat a random table of the same sparsity",
            measure="loss",
            left="table",
            relation="below",
            right="shuffled",
        ),
        Expect(
            claim="With few examples, a new task learns better from known skills than from scratch",
            measure="loss",
            left="reuse",
            relation="below",
            right="scratch",
        ),
    ),
    minutes=10,
    caveat=(
        "The tasks are made from four known operations, so the true table exists and is given. Real tasks do "
        "not come with one: in the paper people wrote it. The new task has 100 examples. Details of the "
        "paper's table and of how skills are combined could not be confirmed; here the mean is taken."
    ),
)

PAPER = Paper(
    name="skillnet",
    short="SkillNet-NLU",
    title="SkillNet-NLU: A Sparsely Activated Model for General-Purpose Natural Language Understanding",
    source="arXiv 2203.03312",
    year=2022,
    status="built",
    summary=(
        "Experts are named skills, and a fixed table says which of them each task needs; one general skill "
        "is always on. There is no router and nothing to balance. All tasks train together, each with its "
        "own skills, and a new task starts from the skills it shares with known ones."
    ),
    formula=(
        r"y = \frac{1}{\lvert S_\tau \rvert} \sum_{s \in S_\tau} f_s(x), \qquad "
        r"S_\tau = \{\, s : \mathrm{Skill}[\tau, s] = 1 \,\} \cup \{\text{general}\}"
    ),
    good_for="Many tasks whose parts are known beforehand, and adding tasks with few examples.",
    cost="The skills of a task and no router; a task's copy holds only its own skills.",
    claim="One model with a table of skills beats models for single tasks and adapts better to new ones.",
    presets=("skillnet",),
    experiments=(X18,),
)
