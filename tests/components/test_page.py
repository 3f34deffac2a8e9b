import pandas as pd
import pytest

from components import page


@pytest.mark.parametrize(
    "text", ["**bold**", "[a](b)", ":red[x]", "$x$", "<b>", "`c`", "a_b", "# head", "&amp;"]
)
def test_words_of_users_are_no_markup(text):
    shown = page.plain(text)
    assert shown.replace("\\", "") == text
    assert all(shown[i - 1] == "\\" for i, c in enumerate(shown) if c in "*[]()$<>`_#:&")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (":material/home:", [":", "material/home:"]),
        ("WWW.a.org", ["WWW", ".a.org"]),
        ("http://a.org", ["http:", "//a.org"]),
        ("a@b.org", ["a", "@b.org"]),
        ("a <-> b", ["a <", "-", "> b"]),
        ("a: b - c, d:e", ["a: b - c, d:e"]),
    ],
)
def test_words_that_are_drawn_wherever_they_stand_are_parted(text, parts):
    assert page.plain(text).replace("\\", "").split(":small[]") == parts


def test_words_of_users_stay_on_one_line():
    assert page.plain("a\n\nb") == "a b"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_of_a_download_is_a_formula(cell):
    text = page.csv(pd.DataFrame({"name": [cell], "n": [-3]})).decode()
    assert f"'{cell}" in text
    assert "-3" in text
