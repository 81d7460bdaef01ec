"""What holds between tables of the plant file: the tree of objectives, key results and what they name."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from config.connector import ConnectorOptions
from config.errors import Problem
from config.goals import KEY_RESULTS_PER_OBJECTIVE, LEVELS, KeyResultOptions, ObjectiveOptions
from config.metric import MetricOptions
from config.mqtt import BrokerOptions
from config.problems import got, key_path, suggestion


def client_id_problems(connectors: Mapping[str, ConnectorOptions]) -> Iterator[Problem]:
    """Two connectors that would throw each other out of their broker."""
    taken: dict[tuple[str, int, str], str] = {}
    for name, connector in connectors.items():
        if isinstance(connector, BrokerOptions) and connector.client_id:
            first = taken.setdefault((connector.host, connector.port, connector.client_id), name)
            if first != name:
                path = key_path("connectors", name, "client_id")
                yield Problem(path, f"expected another than connector {first} has{got(connector.client_id)}")


def objective_problems(objectives: Mapping[str, ObjectiveOptions], names: Collection[str]) -> Iterator[Problem]:
    """Parents that do not exist, that lead round in a circle, or that are not of a higher level."""
    for name, objective in objectives.items():
        path = key_path("objectives", name, "parent")
        if not objective.parent:
            continue
        if objective.parent not in names:
            yield Problem(path, f"unknown objective{got(objective.parent)}{_choice(objective.parent, names)}")
        elif circle := _circle(name, objectives):
            yield Problem(path, f"leads back to itself: {' → '.join(circle)}{got(objective.parent)}")
        elif objective.parent in objectives:
            above = objectives[objective.parent]
            if LEVELS.index(above.level) >= LEVELS.index(objective.level):
                expected = (
                    f"expected an objective above level {objective.level!r}; {objective.parent} is {above.level!r}"
                )
                yield Problem(path, f"{expected}{got(objective.parent)}")


def key_result_problems(
    key_results: Mapping[str, KeyResultOptions],
    metrics: Mapping[str, MetricOptions],
    objective_names: Collection[str],
    metric_names: Collection[str],
) -> Iterator[Problem]:
    """Key results of unknown objectives or metrics, too many of one objective, and each one's own."""
    counts: Counter[str] = Counter()
    for name, key_result in key_results.items():
        path = key_path("key_results", name)
        wanted = key_result.objective
        if wanted not in objective_names:
            yield Problem(f"{path}.objective", f"unknown objective{got(wanted)}{_choice(wanted, objective_names)}")
        counts[wanted] += 1
        if counts[wanted] == KEY_RESULTS_PER_OBJECTIVE + 1:
            expected = f"expected at most {KEY_RESULTS_PER_OBJECTIVE} key results for an objective"
            yield Problem(f"{path}.objective", f"{expected}{got(wanted)}")
        if key_result.metric and key_result.metric not in metric_names:
            unknown = f"unknown metric{got(key_result.metric)}{_choice(key_result.metric, metric_names)}"
            yield Problem(f"{path}.metric", unknown)
        yield from key_result.problems(path, metrics.get(key_result.metric))


def _choice(name: str, names: Collection[str]) -> str:
    return suggestion(name, names) if names else ""


def _circle(name: str, objectives: Mapping[str, ObjectiveOptions]) -> list[str]:
    """The way from an objective over its parents back to itself; empty when there is none."""
    way = [name]
    while way[-1] in objectives and (parent := objectives[way[-1]].parent):
        if parent == name:
            return [*way, name]
        if parent in way:  # a circle further up, which its own members report
            return []
        way.append(parent)
    return []
