"""What is said when something of ours breaks, wherever it does: in a page, a fragment or a callback."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import streamlit as st

Act = TypeVar("Act", bound=Callable[..., Any])


def show_defect(title: str, error: Exception) -> None:
    """Our words for a mistake of ours; the trace goes to the log and behind a click."""
    logging.getLogger("moe_studio").error("%s stopped", title, exc_info=error)
    st.error(
        f"{title} stopped: a defect in the studio, not in your design. Saved designs and runs are "
        "untouched. To go on, open another page or reload this one.",
        icon=":material/error:",
    )
    with st.expander("Details for a report"):
        st.exception(error)


def guarded(act: Act) -> Act:
    """A fragment or callback that says its defect as a page does: it may run outside of `main`."""

    @wraps(act)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return act(*args, **kwargs)
        except Exception as error:
            show_defect("What you asked for", error)

    return cast("Act", run)
