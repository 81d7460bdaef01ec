"""Problems in words: the path as the plant file writes it, what was expected, and what came."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from config.errors import Problem
from config.options import Options

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"(password|passphrase|token|secret)", re.IGNORECASE)
_CREDENTIALS = re.compile(r"//[^/@]*@")  # user:password in an address
_WORDS = {"model_type": "expected a table", "tuple_type": "expected a list"}  # as TOML calls them
_LONGEST = 80  # of a value shown


def key_path(*keys: str | int) -> str:
    """`characteristics."line1/op10/bore".co_owners[1]`: keys as TOML would write them."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            bare = key if _BARE.fullmatch(key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
            path += f".{bare}" if path else bare
    return path


def got(value: object) -> str:
    """` (got 99999)`, shortened, credentials masked; nothing for tables and lists, which may hold a secret."""
    if isinstance(value, dict | list | tuple):
        return ""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return ""
    text = _CREDENTIALS.sub("//***@", text)
    return f" (got {text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'})"


def suggestion(word: str, words: Collection[str]) -> str:
    """`; did you mean port?`, or what there is to choose from."""
    close = get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]}?" if close else f"; expected one of {', '.join(words)}"


def problems_of(error: ValidationError, path: str, model: type[Options]) -> Iterator[Problem]:
    """Every error of a table at `path`, in its order."""
    for detail in error.errors(include_url=False):
        keys, kind = detail["loc"], detail["type"]
        where = ".".join(part for part in (path, key_path(*keys)) if part).replace(".[", "[")
        if kind == "extra_forbidden":
            yield Problem(where, _unknown(str(keys[-1]), _table(model, keys[:-1])))
        elif kind == "missing":
            yield Problem(where, "is required")
        else:
            words = _WORDS.get(kind, detail["msg"].removeprefix("Value error, "))
            yield Problem(where, words + got(detail["input"]))


def _unknown(key: str, model: type[Options]) -> str:
    options = _names(model)
    if _SECRET.search(key) and key not in options and f"{_secret_name(key)}_env" in options:
        name = _secret_name(key)
        return (
            f"no secret stands in this file; name an environment variable with {name}_env, or a file with {name}_file"
        )
    return f"unknown option{suggestion(key, options)}"


def _secret_name(key: str) -> str:
    found = _SECRET.search(key)
    return found[0].lower() if found else ""


def _names(model: type[Options]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _table(model: type[Options], keys: tuple[Any, ...]) -> type[Options]:
    """The model of the table in which the last key stands."""
    for key in keys:
        field = model.model_fields.get(str(key))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Options):
            model = field.annotation
    return model
