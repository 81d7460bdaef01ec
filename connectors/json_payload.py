"""A payload as JSON, with what it is worth when it is not quite that.

NaN, Infinity and numbers beyond float64 are no JSON, but gateways write them. They come out as `NonFinite`, so that
they are refused value by value and their neighbours are not.
"""

import re
from typing import Any

import orjson

MAX_BYTES = 1 << 20
MAX_DEPTH = 1024  # orjson's own

# Always matches to the end of what begins here (a string may lack its closing quote), so that one pass is enough.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|-?Infinity|NaN|-?[0-9][0-9.]*+(?:[eE][+-]?[0-9]++)?', re.DOTALL)
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_MARK = "\0"  # begins the string that stands for a non-finite number until it is found again


class NonFinite(str):
    """A number that is not finite, as it was written."""

    __slots__ = ()


class Unreadable(ValueError):  # noqa: N818 - what the payload is
    """The payload cannot be read at all: `reason` is `too-large`, `too-deep` or `not-json`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_json(payload: bytes) -> Any:
    """The document that `payload` holds. Raises `Unreadable`."""
    if len(payload) > MAX_BYTES:
        raise Unreadable("too-large", f"expected at most {MAX_BYTES} bytes, got {len(payload)}")
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        if b"NaN" in payload or b"Infinity" in payload or error.msg.startswith("number is infinity"):
            marked = _TOKEN.sub(_marked, payload)
            try:
                return _restored(orjson.loads(marked))
            except orjson.JSONDecodeError as still:
                raise _why(payload, still) from still
        raise _why(payload, error) from error


def _why(payload: bytes, error: orjson.JSONDecodeError) -> Unreadable:
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        depth = 0
        for match in _BRACKET.finditer(payload):
            token = match[0]
            depth += token in (b"[", b"{")
            depth -= token in (b"]", b"}")
            if depth > MAX_DEPTH:
                return Unreadable("too-deep", f"expected at most {MAX_DEPTH} levels of nesting, got more")
    return Unreadable("not-json", f"expected JSON, got {payload[:40]!r} ({error.msg} at {error.pos})")


def _marked(match: re.Match[bytes]) -> bytes:
    token = match[0]
    if token[:1] == b'"':
        return token
    if token[-1:].isdigit() or token[-1:] == b".":
        try:
            finite = abs(float(token)) != float("inf")
        except ValueError:  # 1.2.3: the second reading says so
            finite = True
        if finite:
            return token
    return b'"\\u0000' + token[:32] + b'"'


def _restored(document: Any) -> Any:
    """Messages, their fields, their values and these' elements: deeper there is nothing that is read."""
    for message in document if type(document) is list else (document,):
        if type(message) is dict:
            _restore_in(message)
            values = message.get("values")
            if type(values) is dict:
                _restore_in(values)
                for key, value in values.items():
                    if type(value) is list:
                        values[key] = [_number(element) for element in value]
    return document


def _restore_in(fields: dict[str, Any]) -> None:
    for key, value in fields.items():
        fields[key] = _number(value)


def _number(value: Any) -> Any:
    return NonFinite(value[1:]) if type(value) is str and value[:1] == _MARK else value
