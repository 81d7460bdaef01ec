"""What pages read of the OKR store, and what people do there: the seam that `flows.web` fills (`okr.board.Goals`).

Objectives, key results, updates, alerts and lines of the log are what the store's API shows, field by field.
"""

from typing import Any, NamedTuple, Protocol

from fastapi import APIRouter

Json = dict[str, Any]
Told = tuple[int, str]  # HTTP status, and why it was refused; empty when it was done


class Goals(Protocol):
    """Objectives, key results and alerts, and the steps that people take on them."""

    def news(self) -> tuple[int, int]:
        """A number that grows with every change of the store but its clock's, and how many alerts are open."""
        ...

    def time(self) -> str | None:
        """The plant's time as the store has been told it, RFC 3339."""
        ...

    def objectives(self) -> list[Json]:
        """The top objectives, each with its `key_results` and the `objectives` below it."""
        ...

    def key_result(self, name: str) -> Json | None:
        """A key result with the figures of its newest update."""
        ...

    def course(self, name: str) -> list[Json]:
        """Every update of a key result in the order of revisions, without where its value came from."""
        ...

    def update(self, name: str, revision: int) -> Json | None:
        """One update with where its value came from."""
        ...

    def alerts(self) -> list[Json]:
        """Every alert with its task, in the order in which they came to notice."""
        ...

    def alert(self, name: str) -> Json | None:
        """One alert."""
        ...

    def log(self, subject: str) -> list[Json]:
        """Who did what to an alert or a key result, when, before and after; oldest first."""
        ...

    def step(self, name: str, step: str, who: str, text: str, *, seen: str) -> Told:
        """A step on an alert's task; the same again, of what was `seen`, changes nothing."""
        ...

    def move(self, name: str, who: str, evidence: str, progress: float, *, seen: str) -> Told:
        """A milestone moved by hand; a 409 where it is not at the revision `seen` any more."""
        ...


class Okr(NamedTuple):
    """The OKR store as the board gets it: the routes of its API, and what pages read and do."""

    routes: APIRouter
    goals: Goals
