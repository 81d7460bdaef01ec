"""Who asks, and what they may: put into `request.state` before any route or page sees the request."""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from config.roles import ANYBODY, Asker


def asker(request: Request) -> Asker:
    """Who asks: `asker(request).may(Role.WRITE)` says whether a page shows what changes something."""
    found = request.state.asker
    assert isinstance(found, Asker)
    return found


class Access:
    """Says who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        scope.setdefault("state", {})["asker"] = ANYBODY
        await self._app(scope, receive, send)
