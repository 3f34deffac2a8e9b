"""Train: choose what to train, then watch it learn."""

from app import state
from app.paths import data_root
from app.views._train import live, setup
from components import page
from storage import database, runs
from storage.errors import NotFoundError

run_id = state.run_id()
if run_id is not None:
    try:
        runs.get(database.open(data_root()), run_id)
    except NotFoundError as error:
        state.open_run(None)
        run_id = None
        page.problems([("warning", str(error), "")])
if run_id is None:
    setup.show()
else:
    live.show(run_id)
