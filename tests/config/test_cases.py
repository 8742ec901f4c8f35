"""Each code has a page, and each page says what happens, to the letter."""

import pytest
from cases import PAGES, read_page, run

from ordain.config.codes import CODES

FOUND = sorted(path for path in PAGES.glob("*.md") if path.stem != "README")


def test_every_code_has_a_page_and_every_page_a_code():
    assert [path.stem for path in FOUND] == sorted(CODES)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_the_page_shows_what_is_printed(path):
    case = read_page(path)
    assert run(case) == case.diagnostic
    assert f"\n{case.code}" in f"\n{case.diagnostic}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_the_mended_config_is_sound(path):
    assert run(read_page(path), mended=True) == ""


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_the_title_is_the_meaning_of_the_code(path):
    title = path.read_text().splitlines()[0]
    assert title.lower() == f"# {path.stem}: {CODES[path.stem].rstrip('.')}".lower()
