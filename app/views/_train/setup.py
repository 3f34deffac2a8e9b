"""Before a run: a design, data, a plan, what stands in the way, and the button."""

import streamlit as st

from app import state
from app.designs import argument
from app.errors import UserError
from app.guard import guarded
from app.jobs import engine
from app.lineage import lineage
from app.paths import data_root
from app.record import parameters
from app.views._runs import own
from app.views._train import choice, data, plan
from app.views._train.choice import Choice
from app.views._train.starting import starts
from components import page
from core.cost.format import count
from core.design.bodies.moe import Moe
from core.design.facts import DataFacts
from core.design.plan import Plan
from core.design.problems import Problem
from core.design.rules import check
from storage import database, metrics, runs
from storage.database import Database
from storage.errors import StorageError

_DESIGN = "train.design"
_REQUEST = "train"
RECENT = 4


def show() -> None:
    """Everything a run needs, on one screen."""
    db = database.open(data_root())
    request = state.request_id(_REQUEST)
    top = page.title_row()
    a, b, c = st.columns([1, 1.25, 1.1], gap="small")
    with a:
        chosen = _design(db)
    with b:
        facts = data.choose(chosen.design, chosen.plan)
    with c:
        offered = plan.Offer(chosen.design, facts, starts(db, chosen.design))
        planned = plan.choose(chosen.plan, facts.name if facts else chosen.plan.data, chosen.key, offered)
    problems = check(chosen.design, planned, facts, stage="train") if planned and facts else ()
    _problems(db, chosen, problems)
    ready = planned is not None and facts is not None and all(p.severity != "error" for p in problems)
    with top:
        page.title("Train", "Pick a design, data and a length. One run trains at a time, others wait.")
        # Not a callback: its arguments would be those of the last rerun, before a length typed just now.
        pressed = st.button(
            page.primary("Train", ready),
            type="primary",
            key="train.start",
            disabled=not ready,
            help=None if ready else "Something below stands in the way",
        )
    if pressed and ready and planned is not None and facts is not None:
        _start(chosen, planned, facts, request)
    if message := state.take_message():
        page.problems([("error", message, "")])
    _recent(db)
    if planned is not None:
        name, known = argument(chosen.design, chosen.file)
        page.command(f"python -m app train {name} {plan.arguments(planned, known)}")


def _recent(db: Database) -> None:
    """The newest runs, to go back to."""
    listed = own(runs.listing(db))[:RECENT]
    if not listed:
        return
    newest = metrics.newest(db, [run.id for run in listed])
    st.subheader("Recent runs", anchor=False)
    with st.grid(RECENT, gap="small"):
        for run in listed:
            with page.card():
                page.run_line(run.name, run.status.value)
                row = newest.get(run.id)
                loss = f", loss {row.loss:.2f}" if row and row.loss is not None else ""
                page.small(f"{run.data}, step {count(run.step)}{loss}")
                st.button(
                    "Open",
                    icon=":material/arrow_forward:",
                    type="tertiary",
                    key=f"train.open.{run.id}",
                    on_click=state.open_run,
                    args=(run.id,),
                    help=run.id,
                )


def _start(chosen: Choice, planned: Plan, facts: DataFacts, request: str) -> None:
    """Queue the run and show it; a click that arrives twice finds the same request, or no button."""
    try:
        parent, relation = lineage(database.open(data_root()), chosen.design, planned)
        run_id = engine().start(
            chosen.design.model_dump_json(), planned, facts.name, request, parent=parent, relation=relation
        )
    except (StorageError, UserError) as error:
        state.leave_message(str(error))
        return
    state.open_run(run_id)
    state.renew_request(_REQUEST)
    st.rerun()


def _design(db: Database) -> Choice:
    found = {entry.key: entry for entry in choice.choices(db)}
    keys = list(found)

    @guarded
    def follow() -> None:
        if taken := found.get(state.held(_DESIGN)):
            data.follow(taken.design, taken.plan)

    with page.card():
        key = st.selectbox(
            "Design",
            keys,
            index=choice.chosen_first(list(found.values())),
            format_func=lambda key: found[key].label if key in found else key,
            key=_DESIGN,
            on_change=follow,
        )
        chosen = found[key]
        design = chosen.design
        total, active = parameters(design.model_dump_json())
        banks = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
        experts = sorted({bank.count for bank in banks})
        sizes = f"{' or '.join(map(str, experts))} experts in each MoE layer" if banks else "no experts"
        st.caption(
            page.plain(
                f"{design.task.kind.replace('_', ' ').capitalize()}, {design.depth} layers of width "
                f"{design.width}, {sizes}. {count(total)} parameters, {count(active)} active."
            )
        )
        st.download_button(
            "Design file",
            design.model_dump_json(indent=1),
            chosen.file,
            "application/json",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key="train.file",
        )
    return chosen


def _problems(db: Database, chosen: Choice, problems: tuple[Problem, ...]) -> None:
    """Each problem a sentence, and a button for each edit that mends it."""

    @guarded
    def fix(index: int, which: int) -> None:
        state.leave_message(choice.mend(db, chosen, problems[index].edits[which], _DESIGN))

    for i, problem in enumerate(problems):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width="stretch"):
                page.problems([(problem.severity, problem.message, problem.fix)])
            for j, edit in enumerate(problem.edits):
                st.button(page.plain(edit.label), key=f"train.fix.{i}.{j}", on_click=fix, args=(i, j))
