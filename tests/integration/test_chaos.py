"""The kill loop for a minute, as CI runs it; `make chaos` runs it for hours."""

import os
from pathlib import Path

from tests.chaos.run import run

SECONDS = 40.0
SEED = 20_261


def test_whatever_is_killed_and_whatever_fails_everything_that_is_left_is_right(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", SEED))
    print(f"CHAOS_SEED={seed}")
    outcome = run(tmp_path / "run", seconds=SECONDS, seed=seed)
    print("\n".join(outcome.lines))
    assert outcome.ok, "\n".join(outcome.lines)
    assert outcome.found.counts["told"] > 1_000
    assert outcome.found.counts["restated after the end"] > 0
    assert outcome.found.counts["episodes of metrics"] > 0
