"""The pages run from the entry script, and what breaks is said in words."""

import pytest
from streamlit.navigation.page import StreamlitPage
from streamlit.testing.v1 import AppTest

from app.pages import PAGES, VIEWS, page


@pytest.fixture
def studio() -> AppTest:
    return AppTest.from_file("../../app/main.py", default_timeout=20)


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.url_path)
def test_every_page_runs_with_an_empty_data_folder(studio: AppTest, entry):
    studio.run()
    studio.switch_page(f"views/{entry.file}").run()
    assert not studio.exception
    assert len(studio.title) == 1


def test_every_view_is_listed_once():
    assert sorted(entry.file for entry in PAGES) == sorted(path.name for path in VIEWS.glob("[!_]*.py"))
    assert len({entry.url_path for entry in PAGES}) == len(PAGES)


def test_an_unknown_page_is_an_error():
    with pytest.raises(KeyError):
        page("nowhere")


def test_a_defect_of_a_page_is_said_in_words_and_keeps_its_trace(studio: AppTest, monkeypatch):
    def broken(_self):
        raise RuntimeError("the moon is in the wrong house")

    monkeypatch.setattr(StreamlitPage, "run", broken)
    studio.run()
    assert "a defect in the studio" in studio.error[0].value
    assert "the moon" in studio.exception[0].message
