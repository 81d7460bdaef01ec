import os
import time
from pathlib import Path
from threading import Event

import pytest

from flows import compilation
from flows.compilation import clear_away, compile_charts
from flows.watchdog import Pulse

DAY = 86_400.0


def test_machine_code_of_other_versions_goes_a_month_after_its_last_use_but_for_two(tmp_path: Path) -> None:
    now = time.time()
    ages = {"own": 400, "a": 1, "b": 29, "c": 31, "d": 90}
    for name, days in ages.items():
        marker = tmp_path / f"compiled-{name}" / "complete"
        marker.parent.mkdir()
        marker.touch()
        os.utime(marker, (now - days * DAY, now - days * DAY))
    (tmp_path / "other").mkdir()
    clear_away(tmp_path / "compiled-own", now)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compiled-a", "compiled-b", "compiled-own", "other"]
    os.utime(tmp_path / "compiled-a" / "complete", (now - 40 * DAY, now - 40 * DAY))
    clear_away(tmp_path / "compiled-own", now)
    assert (tmp_path / "compiled-a").exists()  # one of the last two


def test_compiling_is_stopped_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "machine_code", lambda: tmp_path / "compiled-none")
    stop, pulse = Event(), Pulse()
    stop.set()
    began = time.monotonic()
    assert not compile_charts(pulse, stop)
    assert time.monotonic() - began < 4.0
    assert pulse.beats > 0
