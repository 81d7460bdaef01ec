"""Every error of the web process as an RFC 9457 problem detail."""

from collections.abc import Callable
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException


def problem(status: int, detail: str, **more: object) -> Response:
    """An answer of the kind `application/problem+json`; `more` are further members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def add_problems(app: FastAPI, missing: Callable[[Request], Response]) -> None:
    """Unknown paths, wrong parameters and failures of `app` are answered as problems.

    A browser that goes to a path which is none gets the page that `missing` makes of it.
    """

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            return missing(request)
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [{"path": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
        return problem(422, "; ".join(f"{one['path']}: {one['message']}" for one in errors), errors=errors)

    def failed(_request: Request, _error: Exception) -> Response:
        return problem(500, "the request failed; the reason is in the log")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, failed)
