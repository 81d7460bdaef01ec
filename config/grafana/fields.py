"""Field settings: colours, value mappings, thresholds, and overrides of single series or columns."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.grafana.queries import Json

GOOD, FAIR, BAD, PLAIN, FAINT = "green", "yellow", "red", "blue", "text"

STATUS = {"green": GOOD, "yellow": FAIR, "red": BAD, "starting": PLAIN}
STATUS |= {"insufficient": "purple", "incomplete": "purple", "stale": "purple"}
STATES = {"running": GOOD, "idle": FAIR, "setup": PLAIN, "down": BAD}
ALERT_STATES = {"open": BAD, "recovered": GOOD, "retracted": PLAIN, "withdrawn": PLAIN}
VERDICTS = {"ok": GOOD, "insufficient": "purple", "no-spec": PLAIN, "unstable": "orange", "drifting": "orange"}
VERDICTS |= {"gauge": "purple", "resolution": "purple", "stale": "purple", "unverified": FAIR, "non-normal": FAIR}


@dataclass(frozen=True, slots=True)
class Override:
    """What is different of one series or column, by its name: properties by their ids."""

    name: str
    properties: tuple[tuple[str, object], ...]

    def plain(self) -> Json:
        """As the field configuration holds it."""
        properties = [{"id": key, "value": value} for key, value in self.properties]
        return {"matcher": {"id": "byName", "options": self.name}, "properties": properties}


def override(name: str, /, **properties: object) -> Override:
    """An override by keywords, where `__` stands for a full stop (`custom__width=90`)."""
    return Override(name, tuple((key.replace("__", "."), value) for key, value in properties.items()))


def fixed(colour: str) -> Json:
    """Always this colour."""
    return {"mode": "fixed", "fixedColor": colour}


def limit(name: str, colour: str = BAD) -> Override:
    """A stored limit: dashed, without points, holding until the next one, and no part of the chart's own line."""
    return override(
        name,
        color=fixed(colour),
        custom__lineStyle={"fill": "dash", "dash": [8, 6]},
        custom__lineInterpolation="stepAfter",
        custom__lineWidth=1,
        custom__showPoints="never",
        custom__fillOpacity=0,
        custom__insertNulls=False,
    )


def centre(name: str) -> Override:
    """The stored centre line: thin, stepping, not dashed."""
    return override(
        name,
        color=fixed(FAINT),
        custom__lineInterpolation="stepAfter",
        custom__lineWidth=1,
        custom__showPoints="never",
        custom__fillOpacity=0,
        custom__insertNulls=False,
    )


def envelope(highest: str, lowest: str, colour: str = PLAIN) -> tuple[Override, Override]:
    """The extremes of each stretch of time, filled between: zoomed in they are one line, zoomed out nothing is lost."""
    return (
        override(highest, color=fixed(colour), custom__fillBelowTo=lowest, custom__fillOpacity=25),
        override(lowest, color=fixed(colour), custom__fillOpacity=0),
    )


def marks(name: str, colour: str = BAD) -> Override:
    """Single points over a line: large, without a line of their own."""
    return override(
        name, color=fixed(colour), custom__drawStyle="points", custom__pointSize=9, custom__showPoints="always"
    )


def words(colours: Mapping[str, str]) -> list[Json]:
    """Value mappings that give words their colours; the word stays, so that colour is never the only sign."""
    named = [word for word in colours if word]
    options = {word: {"text": word, "color": colours[word], "index": k} for k, word in enumerate(named)}
    found: list[Json] = [{"type": "value", "options": options}] if options else []
    if "" in colours:
        found.append({"type": "special", "options": {"match": "empty", "result": {"color": colours[""], "index": 99}}})
    return found


def steps(first: str, *more: tuple[float, str]) -> Json:
    """Thresholds of a panel whose bounds are no limits of a process: `first` up to the first value."""
    found = [{"color": first, "value": None}, *({"color": colour, "value": value} for value, colour in more)]
    return {"mode": "absolute", "steps": found}


def coloured_words(name: str, colours: Mapping[str, str], width: int = 120) -> Override:
    """A column of words, each in its colour."""
    return override(name, mappings=words(colours), custom__cellOptions={"type": "color-text"}, custom__width=width)
