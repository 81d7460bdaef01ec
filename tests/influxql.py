"""A small reader of InfluxQL: tokens, and what a query names, for the allow-list of what 1.8, 2 and 3 share."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""\s*(?:
    (?P<identifier>"(?:[^"\\]|\\.)+")
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<duration>\d+(?:ns|u|ms|s|m|h|d|w)\b)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<macro>\$timeFilter|\$__interval)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>=~|!=|<=|>=|[=<>(),+\-*/])
    )""",
    re.VERBOSE,
)


REGEX = re.compile(r"\s*/(?P<regex>(?:[^/\\]|\\.)+)/")
CLAUSES = ("SELECT", "FROM", "WHERE", "BY", "KEY")


class NotAQuery(Exception):  # noqa: N818 - says what is the case
    """Something that the reader has no name for."""


@dataclass
class Named:
    """What a query names.

    `aliases` are the columns it makes, `columns` the fields and tags it takes, `group_tags` those it is grouped by.
    """

    words: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    measurements: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    aliases: list[str] = field(default_factory=list)
    group_tags: list[str] = field(default_factory=list)


def tokens(query: str) -> list[tuple[str, str]]:
    """(sort, text) of each token; `${__from}` and `${__to}` stand for the numbers that fill them in."""
    text = re.sub(r"\$\{__(?:from|to)\}", "1", query.strip())
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = (REGEX if found and found[-1][1] == "=~" else TOKEN).match(text, at)
        if match is None:
            raise NotAQuery(f"{query}: {text[at : at + 30]!r}")
        sort = str(match.lastgroup)
        found.append((sort, match.group(sort)))
        at = match.end()
    return found


def read(query: str) -> Named:
    """What a query names. Of a query within another: all it takes; the aliases and tags are the outer one's."""
    ahead = [*tokens(query), ("", "")]
    if ("word", "SELECT") in ahead[1:]:
        begin = ahead.index(("sign", "("), ahead.index(("word", "FROM")))
        end = _closing(ahead, begin)
        inner = _named(ahead[begin + 1 : end] + [("", "")])
        outer = _named(ahead[:begin] + ahead[end + 1 :])
        made = {*inner.aliases, *inner.group_tags}
        return Named(
            outer.words | inner.words,
            outer.functions | inner.functions,
            outer.measurements | inner.measurements,
            inner.columns | (outer.columns - made),
            outer.aliases,
            outer.group_tags,
        )
    return _named(ahead)


def _closing(ahead: list[tuple[str, str]], begin: int) -> int:
    depth = 0
    for place in range(begin, len(ahead)):
        depth += {"(": 1, ")": -1}.get(ahead[place][1], 0)
        if depth == 0:
            return place
    raise NotAQuery("a parenthesis is not closed")


def _named(ahead: list[tuple[str, str]]) -> Named:
    """One query without another in it."""
    named, clause = Named(), ""
    for place, (sort, text) in enumerate(ahead[:-1]):
        before, after = ahead[place - 1][1], ahead[place + 1][1]
        if sort == "word" and after == "(" and text.islower():
            named.functions.add(text)
        elif sort == "word" and text != "time":
            named.words.add(text)
            clause = text if text in CLAUSES else clause
        elif sort == "identifier":
            _take(named, text[1:-1], clause, before, after)
    return named


def _take(named: Named, name: str, clause: str, before: str, after: str) -> None:
    if before == "AS":
        named.aliases.append(name)
    elif before == "FROM":
        named.measurements.add(name)
    else:
        named.columns.add(name)
        if clause == "BY":
            named.group_tags.append(name)
        if clause == "SELECT" and before in ("SELECT", ",") and after in (",", "FROM"):
            named.aliases.append(name)
