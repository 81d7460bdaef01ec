"""The languages of the board: one catalogue file each (`languages/CODE.toml`), and numbers and times in their form.

English is the language of the words themselves: `word` and `meaning` fall back to it where a rule's own table in
`rules` says the sentence. A test holds every catalogue against every key that pages, scripts and tables use.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from board.words import SENTENCES

FOLDER = Path(__file__).parent / "languages"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}  # by code; the first is the usual one
Entry = str | dict[str, "Entry"]


@dataclass(frozen=True)
class Language:
    """The texts of one language: `code` as in HTML's `lang`, `texts` by dotted key."""

    code: str
    texts: Mapping[str, str]

    def t(self, key: str, **values: object) -> str:
        """The text of a dotted key, with its `{names}` filled in; raises KeyError for one that is not there."""
        return self.texts[key].format_map(values)

    def word(self, word: object) -> str:
        """The label of a status, verdict, rule or reason; the word itself where the catalogue has none."""
        return self.texts.get(f"word.{word}", str(word))

    def meaning(self, word: object) -> str:
        """What such a word means, in a sentence; empty for an unknown one."""
        return self.texts.get(f"meaning.{word}", "")

    def section(self, name: str) -> dict[str, str]:
        """The texts of a table of the catalogue, by the rest of their keys: what a page's script gets.

        >>> language("en").section("frame.js")["live"]
        '● live'
        """
        return {key.removeprefix(f"{name}."): text for key, text in self.texts.items() if key.startswith(f"{name}.")}


@cache
def language(code: str) -> Language:
    """The language of that code; raises KeyError for one of which there is no catalogue."""
    if code not in LANGUAGES:
        raise KeyError(code)
    texts = {f"meaning.{word}": sentence for word, sentence in SENTENCES.items()} if code == "en" else {}
    return Language(code, texts | catalogue(code))


def catalogue(code: str) -> dict[str, str]:
    """The catalogue file of that code, flat: text by dotted key.

    >>> catalogue("en")["frame.alerts"], catalogue("zh")["frame.alerts"]
    ('Alerts', '警报')
    """
    return _flat(tomllib.loads((FOLDER / f"{code}.toml").read_text("utf-8")))


def _flat(entries: Mapping[str, Entry], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, entry in entries.items():
        if isinstance(entry, str):
            found[prefix + name] = entry
        else:
            found |= _flat(entry, f"{prefix}{name}.")
    return found


def preferred(accepted: str) -> str:
    """The code of the first of our languages that an Accept-Language header names; English when it names none.

    Quality values are in the order of preference in every browser, so the order alone is read.

    >>> preferred("zh-CN,zh;q=0.9,en;q=0.8"), preferred("de,en-GB;q=0.7"), preferred("")
    ('zh', 'en', 'en')
    """
    named = (re.split(r"[-;_]", part.strip().lower(), maxsplit=1)[0] for part in accepted.split(","))
    return next((code for code in named if code in LANGUAGES), next(iter(LANGUAGES)))
