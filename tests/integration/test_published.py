"""Published worked examples, sent as gateways send them over a real broker, through the four processes to the API:
equal to the printed digits. Where the publication's d2 has three decimals, the tolerance says so.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.servers import Mosquitto
from tests.spine import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    START_NS,
    Message,
    Spine,
    clock,
    connected,
    measured,
    passing,
    plant,
)
from tests.truth_tables import load

NELSON = (
    "beyond-3-sigma",
    "9-on-one-side",
    "6-trending",
    "14-alternating",
    "2-of-3-beyond-2-sigma",
    "4-of-5-beyond-1-sigma",
    "15-within-1-sigma",
    "8-beyond-1-sigma",
)

# One characteristic each; the names say which file of tests/truth. Baselines are the publication's phase I.
EXAMPLES = """
[characteristics."rings/r/diameter"]
chart = "xbar-r"
subgroup_size = 5
limits = { from = "baseline", subgroups = 25 }
rules = "nelson"
lsl = 73.95
usl = 74.05
[characteristics."rings/s/diameter"]
chart = "xbar-s"
subgroup_size = 5
limits = { from = "baseline", subgroups = 25 }
[characteristics."rings/phase1/diameter"]
chart = "xbar-r"
subgroup_size = 5
lsl = 73.95
usl = 74.05
[characteristics."sas/titanium/hardness"]
lsl = 0.8
usl = 2.4
target = 1.6
[characteristics."sas/partgaps/gap"]
chart = "xbar-r"
subgroup_size = 5
limits = { from = "baseline", subgroups = 21 }
rules = "nelson"
lsl = 240.0
usl = 270.0
[characteristics."wheeler/p43/x"]
chart = "xbar-r"
subgroup_size = 4
limits = { from = "baseline", subgroups = 20 }
[characteristics."wheeler/p118/x"]
chart = "xbar-r"
subgroup_size = 4
limits = { from = "baseline", subgroups = 24 }
lsl = 0.0
usl = 15.0
[characteristics."sas/turbine/kwatts"]
chart = "xbar-s"
subgroup_size = 20
limits = { center = 3485.41, sigma = 198.996 }
[characteristics."montgomery/loan/cost"]
limits = { from = "baseline", subgroups = 20 }
[characteristics."sas/jets/diameter"]
limits = { from = "baseline", subgroups = 20 }
[characteristics."nist/flow/rate"]
limits = { from = "baseline", subgroups = 10 }
"""


def rings() -> np.ndarray[Any, Any]:
    truth = load("qcc_pistonrings_xbar")
    return np.concatenate([truth.array("phase1"), truth.array("phase2")])


def examples() -> Iterator[tuple[str, list[Any]]]:
    """Each station with the `values` and further fields of its messages in order: gateways differ in how they send."""
    parted = load("sas_partgaps_xbar_r").array("subgroups")
    yield "rings/r", [{"values": {"diameter": list(row)}} for row in rings()]  # a subgroup as an array
    yield "rings/s", [{"values": {"diameter": x}} for x in rings().ravel()]  # value by value
    yield "rings/phase1", [{"values": {"diameter": list(row)}} for row in rings()[:25]]
    named = [{"values": {"gap": x}, "subgroup": f"G{number}"} for number, row in enumerate(parted) for x in row]
    yield "sas/partgaps", named  # value by value, with the subgroup's name
    for station, name in (("wheeler/p43", "wheeler_43_xbar_r"), ("wheeler/p118", "wheeler_118_capability")):
        yield station, [{"values": {"x": list(row)}} for row in load(name).array("subgroups")]
    yield "sas/turbine", [{"values": {"kwatts": [3400.0 + 10 * k for k in range(20)]}}]  # only a summary is printed
    for station, name, key in (
        ("montgomery/loan", "montgomery_6_5_imr", "cost"),
        ("sas/jets", "sas_jets_imr", "diameter"),
        ("sas/titanium", "sas_titanium_capability_ci", "hardness"),
        ("nist/flow", "nist_6322_imr", "rate"),
    ):
        yield station, [{"values": {key: x}} for x in load(name).array("x")]


def example_stream() -> list[Message]:
    """All examples in one morning, one message of each station a second; then the day closes."""
    stream: list[tuple[int, Message]] = []
    for station, sent in examples():
        for number, fields in enumerate(sent):
            at_ns = START_NS + (number + 1) * SECOND_NS
            stream.append((at_ns, measured(station, at_ns, id=f"{station}-{number}", **fields)))
    stream += [(START_NS + minute * MINUTE_NS, clock(START_NS + minute * MINUTE_NS)) for minute in range(1, 10)]
    stream.sort(key=lambda item: item[0])  # stable
    return [message for _, message in stream]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spine]:
    """`plumbline run` with the examples published and their production day closed."""
    folder = tmp_path_factory.mktemp("examples")
    with (
        Mosquitto(folder / "broker") as broker,
        plant(folder, EXAMPLES, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        closed_ns = START_NS + 17 * HOUR_NS  # the production day ends at midnight, and 15 minutes of grace
        publisher.send([*example_stream(), *passing(START_NS + 9 * MINUTE_NS, closed_ns)])
        spine.wait_through(closed_ns)
        yield spine


def points(spine: Spine, characteristic: str, count: int) -> list[Any]:
    found = spine.get("points", characteristic=characteristic)
    assert len(found) == count
    return list(found)


def limits_of(point: Any) -> list[float]:
    return [point[name] for name in ("cl", "ucl", "lcl")]


def dispersion_limits_of(point: Any) -> list[float]:
    return [point[f"dispersion_{name}"] for name in ("cl", "ucl", "lcl")]


def marked(found: list[Any], rule: str) -> list[int]:
    """The numbers of the points that carry a rule, from 1."""
    return [number for number, point in enumerate(found, 1) if rule in point["rules"]]


def test_piston_rings_have_qccs_limits_and_carry_its_rules_point_by_point(published: Spine) -> None:
    truth = load("qcc_pistonrings_xbar")
    found = points(published, "rings/r/diameter", 40)
    assert [point["phase"] for point in found] == [1] * 25 + [2] * 15
    assert [point["value"] for point in found] == pytest.approx(rings().mean(axis=1), abs=1e-12)
    assert [point["dispersion"] for point in found] == pytest.approx(np.ptp(rings(), axis=1), abs=1e-12)
    for point in found:
        cl, ucl, lcl = limits_of(point)
        assert cl == truth.approx("center")
        assert np.array([lcl, ucl]) == truth.approx("limits", rel=1e-8)  # qcc's d2(5) is 2.326: 3e-5 of 3 sigma
        assert point["dispersion_cl"] == load("qcc_pistonrings_r_s").approx("Rbar")
    for number, rule in enumerate(NELSON, 1):
        assert marked(found, rule) == truth.value(f"NEL{number}"), rule
    assert marked(found, "dispersion-beyond-limits") == load("qcc_pistonrings_r_s").value("R_signals")
    raised = [s for s in published.get("signals", characteristic="rings/r/diameter") if s["rule"] == NELSON[0]]
    assert [s["value"] for s in raised] == [found[k - 1]["value"] for k in truth.value("NEL1")]
    assert [s["limit"] for s in raised] == [found[0]["ucl"]] * 3  # the limit that the point carries


def test_piston_rings_have_qccs_s_chart(published: Spine) -> None:
    truth = load("qcc_pistonrings_r_s")
    found = points(published, "rings/s/diameter", 40)
    assert [point["dispersion"] for point in found] == pytest.approx(rings().std(axis=1, ddof=1), abs=1e-12)
    for point in found:
        cl, ucl, lcl = dispersion_limits_of(point)
        assert cl == truth.approx("Sbar")
        assert np.array([lcl, ucl]) == truth.approx("S_limits")
    assert marked(found, "dispersion-beyond-limits") == truth.value("S_signals")


def test_sas_part_gaps_have_the_printed_limits_signals_and_indices(published: Spine) -> None:
    truth = load("sas_partgaps_xbar_r")
    found = points(published, "sas/partgaps/gap", 21)
    assert [point["value"] for point in found[:5]] == truth.approx("subgroup_means_first5")
    assert [point["dispersion"] for point in found] == truth.approx("subgroup_ranges")
    for point in found:
        assert limits_of(point) == [truth.approx("mean"), truth.approx("UCLx"), truth.approx("LCLx")]
        assert dispersion_limits_of(point) == [truth.approx("Rbar"), truth.approx("UCLr"), truth.approx("LCLr")]
    for number, rule in enumerate(NELSON[:5], 1):
        assert marked(found, rule) == truth.value(f"nelson_test_{number}"), rule
    (day,) = published.get("days", characteristic="sas/partgaps/gap")
    assert [day[name] for name in ("n", "subgroups", "basis")] == [105, 21, "day"]
    assert day["sigma_within"] == truth.approx("sigma_within")
    for name in ("Cp", "Cpl", "Cpu", "Cpk"):
        assert day[name.lower()] == truth.approx(name)
    assert published.get("capability", characteristic="sas/partgaps/gap")[-1]["cpk"] == truth.approx("Cpk")


def test_wheelers_examples_have_their_limits_and_indices(published: Spine) -> None:
    truth = load("wheeler_43_xbar_r")
    for point in points(published, "wheeler/p43/x", 20):
        assert limits_of(point) == [truth.approx("mean"), truth.approx("UCLx"), truth.approx("LCLx")]
        assert dispersion_limits_of(point) == [truth.approx("Rbar"), truth.approx("UCLr"), 0.0]
    truth = load("wheeler_118_capability")
    (day,) = published.get("days", characteristic="wheeler/p118/x")
    for name in ("Cp", "Cpk", "Pp", "Ppk"):
        assert day[name.lower()] == truth.approx(name)


def test_sas_turbine_has_the_printed_limits_of_subgroups_of_20(published: Spine) -> None:
    truth = load("sas_turbine_xbar_s")
    (point,) = points(published, "sas/turbine/kwatts", 1)
    assert limits_of(point)[1:] == [truth.approx("UCLx"), truth.approx("LCLx")]
    assert dispersion_limits_of(point)[1:] == [truth.approx("UCLs"), truth.approx("LCLs")]


def test_montgomerys_loan_costs_have_the_printed_limits_and_signals(published: Spine) -> None:
    truth = load("montgomery_6_5_imr")
    found = points(published, "montgomery/loan/cost", 40)
    # qicharts2's d2(2) is 1.128: 3.4e-4 of 3 sigma is 2.4e-5 of 300, and 3.4e-4 of the moving range's limit
    for point in found:
        assert limits_of(point) == [truth.approx("center"), truth.approx("ucl", 3e-5), truth.approx("lcl", 3e-5)]
        assert point["dispersion_ucl"] == truth.approx("ucl_mr", 4e-4)
        cl, ucl, lcl = limits_of(point)
        book = [cl, point["dispersion_cl"], ucl, lcl, point["dispersion_ucl"]]
        assert book == truth.approx("book", 5e-5)  # and its rounding
    assert marked(found, "beyond-3-sigma") == truth.value("signals_I")
    assert marked(found, "dispersion-beyond-limits") == truth.value("signals_MR")


def test_sas_jets_and_nists_flow_rates_have_the_printed_limits(published: Spine) -> None:
    truth = load("sas_jets_imr")
    for point in points(published, "sas/jets/diameter", 20):
        assert limits_of(point) == [truth.approx("mean"), truth.approx("UCLi"), truth.approx("LCLi")]
        assert dispersion_limits_of(point) == [truth.approx("MRbar"), truth.approx("UCLmr"), truth.approx("LCLmr")]
    truth = load("nist_6322_imr")
    for point in points(published, "nist/flow/rate", 10):
        cl, ucl, lcl = limits_of(point)
        assert [cl, point["dispersion_cl"]] == [truth.approx("mean"), truth.approx("mr_bar")]
        assert ucl == truth.approx("ucl_x_d2_1.128", 4e-5)  # 3.4e-4 of 3 sigma
        assert lcl == truth.approx("lcl_x_d2_1.128", 4e-5)


def test_piston_rings_have_qccs_indices(published: Spine) -> None:
    truth = load("qcc_pistonrings_capability")
    (day,) = published.get("days", characteristic="rings/phase1/diameter")
    found = [day[name] for name in ("cp", "cpl", "cpu", "cpk")]
    assert found == pytest.approx([row[0] for row in truth.value("LSL73.95_USL74.05_TNone")[:4]], rel=4e-5)  # its d2
    rolling = published.get("capability", characteristic="rings/phase1/diameter")[-1]
    assert [rolling[name] for name in ("cp", "cpl", "cpu", "cpk")] == pytest.approx(found, rel=1e-9)
    assert rolling["n"] == 125


def test_sas_titanium_has_sass_index_with_its_bound(published: Spine) -> None:
    truth = load("sas_titanium_capability_ci")
    (day,) = published.get("days", characteristic="sas/titanium/hardness")
    assert [day["mean"], day["sigma_overall"]] == [truth.approx("mean"), truth.approx("sd")]
    for ours, name in (("pp", "Cp"), ("ppl", "Cpl"), ("ppu", "Cpu"), ("ppk", "Cpk"), ("cpm", "Cpm_target_1.6")):
        assert day[ours] == truth.approx(name)  # SAS calls the indices by the overall sigma Cp and Cpk
    # the exact bound (noncentral t) of the nearer side; Bissell's approximation is 0.5 % off at n = 50
    assert day["ppk_lower"] == pytest.approx(truth.value("CPL_lower_95_exact_nct"), rel=0.01)
