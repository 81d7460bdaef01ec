"""Metrics, as the plant file gives them: of characteristics (Cpk, Ppk), or of what happens at places."""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from math import nan
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.errors import Problem
from config.options import NOT_EMPTY, Number, Options, Text, Whole
from config.problems import got, suggestion
from config.topics import CONTEXT_FIELDS
from rules.event_metrics import EVENT_METRICS
from rules.metric_kind import Better
from rules.spec import MetricSpec

INDICES = ("cpk", "ppk")
REDUCE = {"index": ("min", "mean", "share-at-target"), "events": ("total", "worst", "mean")}  # the first unless said
WITH_CONTEXT = ("inspections", "counts", "complaints")  # whose messages have context fields to filter and group by
CONTEXT = tuple(name for name in CONTEXT_FIELDS if name != "purpose")  # what is no production counts nowhere


def _metric_kind(kind: str) -> str:
    names = (*INDICES, *EVENT_METRICS)
    if kind not in names:
        raise ValueError(f"expected a kind of metric{suggestion(kind, names)}")
    return kind


class MetricOptions(Options):
    """What a key result can be bound to. `of` names characteristics, or places, with globs (`*` also spans `/`)."""

    kind: Annotated[Text, AfterValidator(_metric_kind)]
    """What is computed: an index of characteristics, or a formula over what happens at places."""
    of: Annotated[tuple[Text, ...], NOT_EMPTY]
    """Ids of characteristics, or places, with globs; `*` also spans the slash."""
    over: Literal["day", "trailing", "window", "period"] = "trailing"
    """Of what time: the day that closed last, the last 20 production days, a rolling window, or the period so far."""
    reduce: Literal["min", "mean", "share-at-target", "total", "worst"] | None = None
    """How several become one number; not said, `min` of indices, `total` of events and `worst` with `by`."""
    count_when: Literal["estimate", "lower"] = "estimate"
    """Which number of an index counts: the estimate, or its lower 95 % bound."""
    target: Annotated[Number, Field(gt=0)] | None = None
    """What each member has to reach with `share-at-target`; not said, its own `cpk_target`."""
    floor: Annotated[Number, Field(gt=0)] | None = None
    """The value below which a day of the metric is a bad one; not said, the metric raises no alert."""
    breach_days: Annotated[Whole, Field(ge=1, le=366)] = 3
    """So many bad production days in a row open an alert of the metric."""
    owner: Text = ""
    """Whose task such an alert is; empty: that of the objectives whose key results are bound to the metric."""
    where: Annotated[dict[str, Text], Field(default_factory=dict)]
    """Only events whose context fields are these take part."""
    by: Text = ""
    """The context field whose values are the groups; empty: each place is one."""
    window_hours: Annotated[Whole, Field(ge=1, le=168)] = 24
    """The hours of `over = "window"` of events."""

    @property
    def of_events(self) -> bool:
        """Whether it is a metric of what happens at places."""
        return self.kind in EVENT_METRICS

    @property
    def of_characteristics(self) -> bool:
        """Whether `of` names characteristics."""
        return not self.of_events or EVENT_METRICS[self.kind].folds == "readings"

    @property
    def is_share(self) -> bool:
        """Whether its values are from 0 to 1."""
        if self.of_events:
            return EVENT_METRICS[self.kind].unit == "share"
        return self.reduce == "share-at-target"

    @property
    def better(self) -> Better:
        """Which side is the better; of an index what a plant makes of it."""
        return EVENT_METRICS[self.kind].better if self.of_events else "neither"

    def members(self, ids: Collection[str]) -> tuple[str, ...]:
        """The characteristic ids that `of` names, sorted, each once; places as they are written."""
        if not self.of_characteristics:
            return tuple(sorted(set(self.of)))
        return tuple(sorted({name for wanted in self.of for name in named_by(wanted, ids)}))

    def problems(self, path: str, ids: Collection[str], unfit: Mapping[str, str]) -> Iterator[Problem]:
        """Names that no characteristic has, members that can have no index, options that its kind has no use for.

        `unfit`: characteristics without a specification for measurements, with what they have instead.
        """
        if self.of_characteristics:
            yield from self._member_problems(path, ids, unfit)
        if self.reduce is not None and self.reduce not in self._reductions:
            expected = f'expected one of {", ".join(self._reductions)} with kind = "{self.kind}"'
            yield Problem(f"{path}.reduce", f"{expected} (got {self.reduce!r})")
        yield from self._event_problems(path) if self.of_events else self._index_problems(path)

    @property
    def _reductions(self) -> tuple[str, ...]:
        return REDUCE["events" if self.of_events else "index"]

    def _is_set(self, name: str) -> bool:
        """Whether an option is other than without it."""
        return bool(getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True))

    def _member_problems(self, path: str, ids: Collection[str], unfit: Mapping[str, str]) -> Iterator[Problem]:
        for index, wanted in enumerate(self.of):
            if not named_by(wanted, ids):
                yield Problem(
                    f"{path}.of[{index}]", f"expected a characteristic or a glob that finds one (got {wanted!r})"
                )
        without = [name for name in self.members(ids) if name in unfit]
        if without:
            others = f" (and {len(without) - 1} more)" if len(without) > 1 else ""
            yield Problem(
                f"{path}.of",
                f"{self.kind} takes measurements with lsl or usl: {without[0]} {unfit[without[0]]}{others}",
            )

    def _index_problems(self, path: str) -> Iterator[Problem]:
        if self.floor is None and self.breach_days != 3:
            yield Problem(f"{path}.breach_days", f"is used with a floor only (got {self.breach_days})")
        if self.floor is not None and self.reduce == "share-at-target" and self.floor > 1:
            yield Problem(f"{path}.floor", f"expected a share from 0 to 1, as the metric is one (got {self.floor:g})")
        if self.target is not None and self.reduce != "share-at-target":
            reduce = self.reduce or self._reductions[0]
            yield Problem(f"{path}.target", f'is used by reduce = "share-at-target" only (reduce is {reduce!r})')
        for name in ("where", "by", "window_hours"):
            if self._is_set(name):
                yield Problem(f"{path}.{name}", f"is used by metrics of events only: {self.kind} is an index")

    def _event_problems(self, path: str) -> Iterator[Problem]:
        folds = EVENT_METRICS[self.kind].folds
        for name in ("count_when", "target", "floor", "breach_days"):
            if self._is_set(name):
                yield Problem(f"{path}.{name}", f"is used by {' and '.join(INDICES)} only: {self.kind} has none")
        if self.window_hours != 24 and self.over != "window":
            yield Problem(f"{path}.window_hours", f'is used by over = "window" only (over is {self.over!r})')
        if folds == "readings" and self.over == "window":
            yield Problem(f"{path}.over", f"{self.kind} is counted by production day: expected day, trailing or period")
        for at, name in (*((f"where.{name}", name) for name in self.where), *((("by", self.by),) if self.by else ())):
            if name not in CONTEXT:
                yield Problem(f"{path}.{at}", f"expected a context field{got(name)}{suggestion(name, CONTEXT)}")
            elif folds not in WITH_CONTEXT:
                yield Problem(f"{path}.{at}", f"{self.kind} is of whole places: what it is made of has no context")

    def spec(self, name: str, ids: Collection[str]) -> MetricSpec:
        """The metric as the core knows it, its globs resolved; those of places are, as places appear."""
        return MetricSpec(
            id=name,
            kind=self.kind,
            members=self.members(ids),
            over=self.over,
            reduce=self.reduce or ("worst" if self.by else self._reductions[0]),  # type: ignore[arg-type] # in REDUCE
            count_when=self.count_when,
            target=nan if self.target is None else self.target,
            floor=nan if self.floor is None else self.floor,
            breach_days=self.breach_days,
            owner=self.owner,
            where=tuple(sorted(self.where.items())),
            by=self.by,
            window_hours=self.window_hours,
        )


def named_by(wanted: str, ids: Collection[str]) -> tuple[str, ...]:
    """The ids that `wanted` names: that very one if there is one, else those that the glob finds."""
    return (wanted,) if wanted in ids else tuple(name for name in ids if fnmatchcase(name, wanted))
