"""The pages run from the entry script, and what breaks is said in words."""

import pytest
import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.testing.v1 import AppTest

from app.drawing import drawing
from app.guard import guarded
from app.pages import PAGES, VIEWS, page
from components.page import plain
from core.design.presets.registry import preset


@pytest.fixture
def studio() -> AppTest:
    return AppTest.from_file("../../app/main.py", default_timeout=60)


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


def test_a_config_of_a_published_model_is_opened_with_its_notes(studio: AppTest, tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    studio.run()
    studio.text_area(key="start.pasted").set_value('{"model_type": "mixtral", "odd_key": 1}')
    studio.run()
    next(button for button in studio.button if button.label == "Open it").click().run()
    assert not studio.exception
    assert studio.title[0].value == "Mixtral"
    assert "odd" in studio.info[0].value


def test_a_drawing_is_opened_from_its_file_and_a_mark_before_its_text_is_passed_over(
    studio: AppTest, tmp_path, monkeypatch
):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    for name, text in (
        ("drawing.svg", drawing(preset("fine-grained"))),
        ("design.json", preset("fine-grained").model_dump_json()),
    ):
        studio.switch_page("views/start.py").run()
        studio.file_uploader[0].upload(name, text.encode("utf-8-sig"), "text/plain").run()
        assert not studio.exception
        assert not studio.error
        assert studio.title[0].value == plain(preset("fine-grained").name)


def test_what_breaks_in_a_callback_or_fragment_is_said_in_words(studio: AppTest, monkeypatch):
    def broken(_page):
        @guarded
        def act() -> None:
            raise RuntimeError("the moon again")

        st.button("Break", on_click=act)

    monkeypatch.setattr(StreamlitPage, "run", broken)
    studio.run()
    studio.button[0].click().run()
    assert "a defect in the studio" in studio.error[0].value
    assert "the moon again" in studio.exception[0].message
