import re
import string
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from board.history.overview import STATUSES
from board.language import LANGUAGES, catalogue, language
from board.pages import PAGES
from board.tones import TONES
from board.words import SENTENCES
from rules.verdicts import VERDICTS

BOARD = Path(__file__).resolve().parents[2] / "board"
KEY = re.compile(r"""\bt\(\s*["']([\w.-]+)["'](?!\s*[~+])""")  # t("a.key"); not one that is put together
PUT_TOGETHER = re.compile(r"""\bt\(\s*(?:f?["'`]([\w.-]*?)(?:\{|\$\{|["']\s*[~+])|[^"'`\s])""")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def pages_keys() -> Iterator[tuple[str, str]]:
    """Where, and the key: of templates and Python in full, of scripts within the table of their page or the frame's."""
    for path in chain(BOARD.rglob("*.html"), BOARD.rglob("*.py")):
        for key in KEY.findall(path.read_text("utf-8")):
            if "." in key:
                yield path.name, key
    for path in (BOARD / "assets").rglob("*.js"):
        if "vendor" in path.parts:
            continue
        for key in KEY.findall(path.read_text("utf-8")):
            yield path.name, key


def is_known(where: str, key: str, texts: dict[str, str]) -> bool:
    """A script shared by pages may use what any of them gets: that each has it shows in the browser's tests."""
    if not where.endswith(".js"):
        return key in texts
    return any(f"{name}.js.{key}" in texts for name in ("frame", *(page.name for page in PAGES)))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_key_that_a_page_or_script_asks_for_is_in_the_catalogue(code: str) -> None:
    texts = catalogue(code)
    assert [found for found in pages_keys() if not is_known(*found, texts)] == []
    assert {f"{page.name}.title" for page in PAGES} <= texts.keys()
    assert {f"frame.{page.name}" for page in PAGES if page.menu} <= texts.keys()


def test_both_catalogues_have_the_same_keys_with_the_same_names_to_fill_in() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    said_by_tables = {f"meaning.{word}" for word in SENTENCES}
    assert english.keys() | said_by_tables == {key for key in chinese if not key.startswith("word.")}
    different = {key for key, text in english.items() if placeholders(text) != placeholders(chinese[key])}
    assert different == set()


def test_every_word_with_a_meaning_or_a_tone_has_its_chinese() -> None:
    chinese = catalogue("zh")
    words = {key.removeprefix("meaning.") for key in chinese if key.startswith("meaning.")}
    words |= {word for tone in TONES.values() for word in tone} | {word for word, _ in STATUSES} | set(VERDICTS)
    assert {word for word in words if f"word.{word}" not in chinese} == set()


def test_no_text_of_the_catalogue_is_left_over() -> None:
    asked = {key for _, key in pages_keys()}
    sources = [path.read_text("utf-8") for path in BOARD.rglob("*") if path.suffix in (".html", ".py", ".js")]
    beginnings = tuple({found for text in sources for found in PUT_TOGETHER.findall(text) if found})
    unused = [
        key
        for key in catalogue("en")
        if not key.startswith("meaning.") and not key.endswith(".title") and key not in asked
        and key.partition(".js.")[2] not in asked
        and not key.startswith(beginnings) and not (key.partition(".js.")[2] or " ").startswith(beginnings)
        and key not in {f"frame.{page.name}" for page in PAGES}
    ]  # fmt: skip
    assert unused == []


def test_no_page_says_a_text_of_the_frame_otherwise() -> None:
    texts = catalogue("en")
    frame = {key.removeprefix("frame.js.") for key in texts if key.startswith("frame.js.")}
    assert [key for key in texts if not key.startswith("frame.") and key.partition(".js.")[2] in frame] == []


def test_a_language_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        language("xx")
