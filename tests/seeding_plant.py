"""The tables of the plant file that go with `tests.seeding`: its characteristics, and gauges that people read."""

from pathlib import Path

PLANT_TABLES = """
[connectors.gauges]
type = "http"
port = 1
token_env = "PLUMBLINE_TEST_INTAKE_TOKEN"
topics = ["{line}/{station}/{kind}"]
by_hand = ["line1/*"]

[gauges.G7]
calibrated_until = 2027-03-31

[characteristics."line1/op10/bore"]
unit = "mm"
lsl = 9.96
usl = 10.04
target = 10.0
chart = "xbar-r"
subgroup_size = 5
limits = { center = 10.0, sigma = 0.01 }
owner = "production"
reaction = "stop and call quality"
gauge = "G7"

[characteristics."line1/op10/depth"]
unit = "mm"
lsl = 4.98
usl = 5.02
target = 5.0
expected_every = "30min"
plausible = [4.0, 6.0]
owner = "production"
reaction = "stop and call quality"

[characteristics."line2/op30/force"]
unit = "N"
lsl = 105.0
limits = { center = 120.0, sigma = 3.0 }
"""


def seed_plant(folder: Path) -> None:
    """Have the board's plant file in `folder` say these too; see `tests.serving.plant_file`."""
    (folder / "more.toml").write_text(PLANT_TABLES, "utf-8")
