"""`[machines]` and `[complaints]` of the plant file: what they come to in the plan, and what is wrong with them."""

from math import isnan
from pathlib import Path

import pytest

from config.check import check
from config.errors import PlantFileError
from config.load import load
from config.plan import Plan
from rules.complaints import AnswerLimit, ComplaintSpec
from rules.machine_spec import BreakSpec, MachineSpec
from tests.unit.plant_texts import SOUND, write

PRESS = '[machines."line1/op10"]\n'


def plan_of(text: str, folder: Path) -> Plan:
    return load(write(folder, text)).plan()


def test_a_machine_is_in_the_plan_with_all_that_is_said_of_it(tmp_path: Path) -> None:
    said = (
        'ideal_cycle_seconds = 12.5\nbreaks = [{ starts_at = "12:30", minutes = 45 }]\n'
        'planned_stops = ["maintenance"]\nnot_failures = ["no material"]\nstate_valid_hours = 2.0\n'
    )
    plan = plan_of(SOUND + PRESS + said + '[machines."line1/op05"]\n', tmp_path)
    first, second = plan.machines
    assert second == MachineSpec(
        "line1/op10", 12.5, (), (BreakSpec(750, 45),), ("maintenance",), ("no material",), state_valid_hours=2.0
    )
    assert (first.id, isnan(first.ideal_cycle_seconds), first.valid_ns) == ("line1/op05", True, 24 * 3_600_000_000_000)
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()
    assert Plan.from_json(plan.to_json()).machines[1] == second


def test_shifts_of_a_machine_are_those_of_the_plant(tmp_path: Path) -> None:
    shifts = 'shifts = [{ name = "early", starts_at = "06:00" }, { name = "late", starts_at = "14:00" }]\n'
    text = SOUND.replace("[plant]\n", "[plant]\n" + shifts)
    assert plan_of(text + PRESS + 'shifts = ["late"]\n', tmp_path).machines[0].shifts == ("late",)
    with pytest.raises(PlantFileError) as caught:
        plan_of(text + PRESS + 'shifts = ["lat"]\n', tmp_path)
    (problem,) = caught.value.problems
    assert problem.path == 'machines."line1/op10".shifts[0]'
    assert problem.message.startswith("unknown shift (got 'lat')")
    assert "late" in problem.message


@pytest.mark.parametrize(
    ("said", "path", "message"),
    [
        ('shifts = ["early"]', ".shifts[0]", "unknown shift (got 'early'): [plant] shifts has none"),
        ("ideal_cycle_seconds = 0.0", ".ideal_cycle_seconds", "Input should be greater than 0 (got 0.0)"),
        ('breaks = [{ starts_at = "12:00" }]', ".breaks[0].minutes", "is required"),
        (
            'planned_stops = ["x"]\nnot_failures = ["y", "x"]',
            ".not_failures[1]",
            "is a planned stop already, which is never a failure (got 'x')",
        ),
    ],
)
def test_what_is_wrong_with_a_machine_is_said(said: str, path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PlantFileError) as caught:
        plan_of(SOUND + PRESS + said + "\n", tmp_path)
    assert [(one.path, one.message) for one in caught.value.problems] == [(f'machines."line1/op10"{path}', message)]


def test_a_place_is_written_as_a_characteristic_is(tmp_path: Path) -> None:
    with pytest.raises(PlantFileError) as caught:
        plan_of(SOUND + '[machines."line1/*"]\n', tmp_path)
    assert [one.path for one in caught.value.problems] == ['machines."line1/*"']


def test_complaints_are_answered_within_the_usual_limits_unless_said(tmp_path: Path) -> None:
    assert plan_of(SOUND, tmp_path).complaints == ComplaintSpec()
    text = "[complaints]\nanswer_within_hours = { urgent = 1.0, default = 48.0 }\n"
    plan = plan_of(SOUND + text, tmp_path)
    assert plan.complaints == ComplaintSpec((AnswerLimit("default", 48.0), AnswerLimit("urgent", 1.0)))
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("said", "path", "message"),
    [
        (
            "{ key = 24.0 }",
            "complaints.answer_within_hours",
            "expected a limit for default too, such as { default = 72.0, urgent = 2.0 }",
        ),
        (
            "{ default = 72.0, key = 0.0 }",
            "complaints.answer_within_hours.key",
            "Input should be greater than 0 (got 0.0)",
        ),
    ],
)
def test_what_is_wrong_with_the_limits_is_said(said: str, path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PlantFileError) as caught:
        plan_of(SOUND + f"[complaints]\nanswer_within_hours = {said}\n", tmp_path)
    ((at, text),) = [(one.path, one.message) for one in caught.value.problems]
    assert (at, text.split(" (got {")[0]) == (path, message)


def test_check_warns_of_an_oee_for_which_no_ideal_cycle_is_given(tmp_path: Path) -> None:
    metrics = "".join(
        f'[metrics.{name}]\nkind = "{kind}"\nof = ["{place}"]\n'
        for name, kind, place in (
            ("sound", "oee", "line1/op10"),
            ("any", "performance", "line1/*"),
            ("without", "oee", "line1/op20"),
            ("elsewhere", "performance", "line2/*"),
            ("quick", "availability", "line1/op20"),
        )
    )
    text = SOUND + PRESS + "ideal_cycle_seconds = 30.0\n" + '[machines."line1/op20"]\n' + metrics
    assert [one for one in check(load(write(tmp_path, text))).warnings if one.startswith("metrics.")] == [
        f"metrics.{name} takes ideal_cycle_seconds of the machine {place}, which [machines] does not give"
        for name, place in (("elsewhere: performance", "line2/*"), ("without: oee", "line1/op20"))
    ]
