"""The link is kept: address and session fill each other."""

import pytest
from streamlit.testing.v1 import AppTest

from app import state


def script():
    import streamlit as st

    from app import state

    for message in state.keep_link():
        st.warning(message)
    st.text(f"{state.design_id()} {state.run_id()}")
    if st.button("open"):
        state.open_design("opened")
        state.open_run("r-1")
    if st.button("close"):
        state.open_design(None)


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(script)


def test_address_fills_the_session(page: AppTest):
    page.query_params["design"] = "uneven-26"
    assert page.run().text[0].value == "uneven-26 None"


def test_session_fills_the_address_again_when_the_page_change_emptied_it(page: AppTest):
    page.query_params["run"] = "r-12"
    page.run()
    page.query_params.clear()
    page.run()
    assert page.text[0].value == "None r-12"
    assert page.query_params["run"] == "r-12"


def test_the_address_wins_over_the_session(page: AppTest):
    page.query_params["design"] = "first"
    page.run()
    page.query_params["design"] = "second"
    assert page.run().text[0].value == "second None"


def test_opening_and_closing_change_both(page: AppTest):
    page.run().button[0].click().run()
    assert page.query_params == {"design": "opened", "run": "r-1"}
    page.button[1].click().run()
    assert page.query_params == {"run": "r-1"}
    assert page.run().text[0].value == "None r-1"


@pytest.mark.parametrize("bad", ["", "../etc", "Upper", "-a", "a" * 65, "a b"])
def test_a_bad_id_is_named_and_dropped(page: AppTest, bad: str):
    page.query_params["design"] = bad
    page.run()
    assert page.text[0].value == "None None"
    assert "To fix this" in page.warning[0].value
    assert page.query_params == {}


def test_code_cannot_open_a_bad_id():
    with pytest.raises(ValueError, match="1 to 64"):
        state.open_run("r/1")
