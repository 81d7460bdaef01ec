"""What the plant file may say of an attribute chart."""

from typing import Any

import pytest

from config.characteristic import CharacteristicOptions
from config.plan import Plan
from rules.spec import BaselineLimits, CalendarSpec, FixedLimits


def problems(**options: Any) -> list[tuple[str, str]]:
    found = CharacteristicOptions.model_validate(options).problems("c", grace_minutes=15)
    return [(problem.path, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("options", "path", "said"),
    [
        ({"chart": "p", "limits": {"center": 0.1, "sigma": 0.3}}, "c.limits.sigma", "follows from the center"),
        ({"chart": "np", "limits": {"center": 5.0}}, "c.limits.center", "between 0 and 1, for chart 'np' (got 5.0)"),
        ({"chart": "u", "limits": {"center": 0.0}}, "c.limits.center", "more than 0 a unit inspected (got 0.0)"),
        ({"chart": "c", "lsl": 0.0}, "c.lsl", "expected none for chart 'c': its rate has at most a usl (got 0.0)"),
        ({"chart": "p", "target": 0.0}, "c.target", "expected none for chart 'p'"),
        ({"chart": "p", "subgroup_size": 5}, "c.subgroup_size", "expected 1 for chart 'p' (got 5)"),
        ({"chart": "individuals", "limits": {"center": 5.0}}, "c.limits.sigma", "is required"),
    ],
)
def test_what_does_not_apply_is_told(options: dict[str, Any], path: str, said: str) -> None:
    ((where, what),) = problems(**options)
    assert where == path
    assert said in what


def test_fixed_limits_of_a_rate_need_no_sigma() -> None:
    options = CharacteristicOptions.model_validate({"chart": "c", "limits": {"center": 16.0}, "usl": 30.0})
    assert problems(chart="c", limits={"center": 16.0}, usl=30.0) == []
    assert options.spec("a").limits == FixedLimits(16.0, 4.0)
    plan = Plan("p", CalendarSpec(), characteristics=(options.spec("a"),))
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()


def test_a_baseline_is_25_inspections_unless_said() -> None:
    assert CharacteristicOptions(chart="np").spec("a").limits == BaselineLimits(25)
