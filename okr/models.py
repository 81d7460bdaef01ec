"""The bodies that the OKR store accepts. Fields that are not named here are kept with the rest."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)

from okr.times import rfc3339


def _iso_day(value: object) -> object:
    """A day as ISO text; date ordinals (as plans hold them) become dates."""
    if isinstance(value, int) and not isinstance(value, bool):
        return date.fromordinal(value).isoformat()
    return value


Day = Annotated[date, BeforeValidator(_iso_day)]
Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, when_used="json")]
LAST_TIME = datetime(2200, 1, 1, tzinfo=UTC)  # a clock beyond it is wrong, and would never go back


def _in_our_time(value: datetime) -> datetime:
    if value >= LAST_TIME:
        raise ValueError("expected a time before 2200")
    return value


Tick = Annotated[Time, AfterValidator(_in_our_time)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    """Numbers are finite or null; unknown fields are kept, so that a newer sender loses nothing."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)


class Acted(Body):
    """What a person does: who says that is known by the token that is shown, and needs to say nothing."""

    who: Annotated[str, Field(min_length=1, max_length=200)] = ""


class Objective(Body):
    """One objective of a plan; `parent` is empty at the top."""

    id: Name
    title: str
    level: Literal["company", "department", "post"]
    owner: str = ""
    parent: str | None = ""
    period: str = ""
    first_day: Day | None = None
    last_day: Day | None = None


class KeyResult(Body):
    """One key result of a plan; `start` is null for `maintain`, and a `milestone` has no metric and no target.

    `unit`: what its value and its target are: an `index`, a `share`, or a unit of measurement such as `h`.
    """

    id: Name
    objective: Name
    title: str
    metric: str = ""
    kind: Literal["reach", "maintain", "milestone"] = "reach"
    start: float | None = None
    target: float | None = None
    direction: Literal["at-least", "at-most"] = "at-least"
    required_share: float | None = None
    unit: Name = "index"


class Plan(Body):
    """The objectives and key results of the plan at journal entry `plan_seq`: all of them."""

    plan_seq: int
    time: Time | None = None
    objectives: list[Objective] = []
    key_results: list[KeyResult] = []


class Update(Body):
    """One revision of a key result's figures."""

    key_result: Name
    revision: int
    as_of: Tick
    day: Day | None = None
    value: float | None = None
    progress: float | None = None
    expected: float | None = None
    status: Name
    reason: str | None = None
    n: int | None = None
    lower: float | None = None
    members: int | None = None
    counted: int | None = None


class ByHand(Acted):
    """A person's word on a milestone: how much of it is done (all, unless said), and what shows that."""

    evidence: Annotated[str, Field(min_length=1, max_length=20_000)]
    progress: Annotated[float, Field(ge=0, le=1)] = 1.0
    status: Literal["green", "yellow", "red"] | None = None


def _moved_by(body: object) -> Literal["hand", "engine"]:
    by_hand = isinstance(body, dict) and not {"who", "evidence"}.isdisjoint(body)
    return "hand" if by_hand or isinstance(body, ByHand) else "engine"


# What a key result is moved by: a person's word where somebody says who or shows evidence, else the engine's figures.
Move = Annotated[Annotated[ByHand, Tag("hand")] | Annotated[Update, Tag("engine")], Discriminator(_moved_by)]


class Alert(Body):
    """One revision of an episode of a characteristic or a metric; `days` are the bad days with their figures.

    With `clock` none no plan is due: the breach was found only in the past.
    """

    alert: Name
    revision: int
    characteristic: Name | None = None
    metric: Name | None = None
    rule: str
    state: Literal["open", "recovered", "retracted", "withdrawn"]
    clock: Literal["running", "none"] = "running"
    first_day: Day | None = None
    last_day: Day | None = None
    days: list[dict[str, object]] = []
    as_of: Tick

    @model_validator(mode="after")
    def _is_of_one(self) -> "Alert":
        if (self.characteristic is None) == (self.metric is None):
            raise ValueError("expected a characteristic or a metric, not both")
        return self


class Clock(Body):
    """The plant's time."""

    tick: Tick


class Event(Acted):
    """A step that a person takes on an alert's improvement task."""

    event: Literal["acknowledge", "plan", "verify", "close"]
    text: Annotated[str, Field(max_length=20_000)] = ""


class Command(Acted):
    """What a person orders of the engine; `revision`: of the limits they saw, and no other is accepted."""

    kind: Literal["accept-limits"]
    characteristic: Name
    revision: Annotated[int, Field(ge=1)] | None = None
