"""What the inference process says of a run, kept while run, checkpoint and question stay the same."""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from app.inference.client import ask
from app.inference.older import damage
from components import page
from storage import database, files
from storage.database import Database


def asked(db: Database, run_id: str, question: str, words: str, **payload: Any) -> Any:
    """The answer of the run's newest checkpoint, with `words` beside a spinner until it is here.

    Raises:
        UserError: the run cannot answer, or the process cannot start.
        StorageError: no such run.
    """
    step = files.newest_checkpoint(files.folder(db.root, "runs", run_id))
    with st.spinner(words):
        value, notes = _asked(str(db.root), run_id, step, question, json.dumps(payload, sort_keys=True))
    if notes:
        # Said once: who asks the same again is answered from what is kept.
        page.problems([("warning", notes.pop(), "")])
    return value


def warn(db: Database, run_id: str) -> None:
    """Says where an older checkpoint answers because the newest is damaged; once for all that is asked."""
    if said := damage(files.folder(db.root, "runs", run_id)):
        page.problems([("warning", said, "")])


@st.cache_resource(max_entries=24, show_spinner=False)
def _asked(root: str, run_id: str, step: int | None, question: str, payload: str) -> tuple[Any, list[str]]:
    answer = ask(database.open(Path(root)), run_id, question, step=step, **json.loads(payload))
    return answer.value, [answer.restarted] if answer.restarted else []
