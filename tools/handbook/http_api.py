"""The page that says every endpoint of the HTTP API, from the application's own OpenAPI description."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from board.app import create_app
from board.goals import Okr
from okr.api import router
from okr.board import Goals
from okr.store import Store

HEAD = """# HTTP API

Served by `plumbline web` beside the boards, at `http://127.0.0.1:8080`. This page is written from the application's own
description, which the running service has at `/openapi.json`, and as a page that can be tried out at `/docs`.

- Lists are JSON arrays, oldest first; `limit` takes the newest. Names are those of the history's columns.
- Times are RFC 3339 in UTC, days are ISO dates, undefined numbers are `null`.
- A wrong request is answered with problem details (RFC 9457): `title`, `status`, `detail`.
- A POST with an `Idempotency-Key` that has been there changes nothing and returns the first answer; the same key with
  other content is a 409.
- Repeatable: `?characteristic=line1/op10/bore&characteristic=line1/*`. `*` also spans the slash.
"""

METHODS = ("get", "post", "put", "patch", "delete")


def description() -> Mapping[str, Any]:
    """The OpenAPI description of the whole application."""
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'okr.db'}")
        try:
            app = create_app(Path(folder) / "history.db", Okr(router(store), Goals(store)))
            described: Mapping[str, Any] = app.openapi()
        finally:
            store.close()
    return described


def endpoints(api: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(`GET`, `/api/v1/points`, what is said of it), those that read first."""
    for method in METHODS:
        for path, operations in api["paths"].items():
            if method in operations:
                yield method.upper(), path, operations[method]


def says(operation: Mapping[str, Any]) -> str:
    """What it answers with, or does, in a sentence."""
    text = " ".join(str(operation.get("description") or operation["summary"]).split())
    return text if text.endswith(".") else f"{text}."


def http_api_page() -> str:
    """The whole page, in Markdown."""
    api = description()
    return "\n".join([HEAD, *_index(api), *_sections(api)])


def anchor(method: str, path: str) -> str:
    """Where an endpoint stands on the page."""
    return f"{method}{path}".lower().translate(str.maketrans("/{}", "---")).replace("--", "-").strip("-")


def _index(api: Mapping[str, Any]) -> Iterator[str]:
    yield "| | |\n|---|---|"
    for method, path, operation in endpoints(api):
        yield f"| [`{method} {path}`](#{anchor(method, path)}) | {_cell(says(operation))} |"
    yield ""


def _sections(api: Mapping[str, Any]) -> Iterator[str]:
    for method, path, operation in endpoints(api):
        yield f"## `{method} {path}` {{ #{anchor(method, path)} }}\n\n{says(operation)}\n"
        parameters = operation.get("parameters", [])
        if parameters:
            yield "| parameter | in | value | |\n|---|---|---|---|"
            yield from (_parameter(one) for one in parameters)
            yield ""
        for media in operation.get("requestBody", {}).get("content", {}).values():
            yield from _body(media["schema"], api["components"]["schemas"])


def _parameter(one: Mapping[str, Any]) -> str:
    needed = "required. " if one.get("required") else ""
    kind, more = _kind(one["schema"]), _cell(one.get("description", ""))
    return f"| `{one['name']}` | {one['in']} | {kind} | {needed}{more} |"


def _body(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a body; one that may be of several kinds has each of them."""
    for one in schema.get("anyOf", schema.get("oneOf", [schema])):
        model = schemas[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        yield f"Body: {' '.join(model.get('description', 'a JSON object').split())}\n"
        yield "| field | value | |\n|---|---|---|"
        for name, field in model.get("properties", {}).items():
            needed = "required" if name in model.get("required", ()) else ""
            yield f"| `{name}` | {_kind(field)} | {_cell(field.get('description', needed))} |"
        yield ""


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value may be: `integer`, `"ack", "plan"`, `list: string`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"] if one.get("type") != "null"))
    if "enum" in schema or "const" in schema:
        return ", ".join(f'`"{one}"`' for one in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"list: {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
