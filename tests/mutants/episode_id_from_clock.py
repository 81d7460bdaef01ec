"""An episode's id comes from the wall clock, so that a replay gives it another."""

import time

from rules import episodes
from tests.mutants import put


def apply() -> None:
    put(episodes, "episode_id", lambda *_: f"episode-{time.time_ns()}")
