"""The gateway beside what is broken, foreign, or does not pause."""

import time
from pathlib import Path
from threading import Event, Thread

import pytest

from config.load import load
from connectors.errors import WrongInput
from connectors.intake import Intake, Message, Notice, Source
from connectors.journal import PLAN, REPLAY_STATE, TICK, JournalWriter
from flows.gateway import Gateway, run
from tests.gateway_runs import Running, entries, payloads, system, wait_until, write_plant
from tests.servers import free_port

TOPIC = "factory/line1/op10/measurements"


def test_a_broken_okr_store_costs_one_warning_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "okr.db").write_bytes(b"not a database, " * 100)
    with Running(write_plant(tmp_path, free_port()), data):
        wait_until(lambda: "no orders come in" in caplog.text)
        ticks = len(system(data, TICK))
        wait_until(lambda: len(system(data, TICK)) >= ticks + 2)
    assert sum("no orders come in" in record.getMessage() for record in caplog.records) == 1


def test_a_folder_that_holds_a_replay_is_refused(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "data" / "journal")
    journal.append([], {REPLAY_STATE: "abc"})
    journal.close()
    with pytest.raises(WrongInput, match="got the journal of a replay"):
        run(load(write_plant(tmp_path, free_port())), tmp_path / "data", stop=Event())
    assert entries(tmp_path / "data") == []


class Pouring(Intake):
    """However often it is emptied, ten more messages have come."""

    source: Source

    def pour(self) -> None:
        self.offer([Message((time.time_ns(), "line1", TOPIC, 1, 0, b"{}"), self.source, None)] * 10)

    def take(self, timeout_seconds: float) -> list[Message | Notice]:
        taken = super().take(timeout_seconds)
        self.pour()
        return taken


@pytest.mark.parametrize("ending", [False, True])
def test_a_plan_is_adopted_and_an_end_is_reached_while_messages_pour_in(tmp_path: Path, ending: bool) -> None:
    stop, journal = Event(), JournalWriter(tmp_path / "data" / "journal")
    gateway = Gateway(journal, tmp_path, {}, 0)
    plant = write_plant(tmp_path, free_port())
    gateway.adopt(load(plant), stop)
    pouring = Pouring()
    pouring.source, gateway._intake = gateway._sources["line1"], pouring
    pouring.pour()
    try:
        plant.write_text(plant.read_text().replace("usl = 10.0", "usl = 11.0"))
        if ending:
            stop.set()
        doing = Thread(target=gateway.finish if ending else lambda: gateway.adopt(load(plant), stop),
                       args=(stop,) if ending else (), daemon=True)  # fmt: skip
        doing.start()
        doing.join(4.0)
        assert not doing.is_alive()
        assert len(system(tmp_path / "data", PLAN)) == (1 if ending else 2)
    finally:
        gateway.close()
        journal.close()


def test_a_stop_while_a_plan_is_adopted_leaves_the_old_one(tmp_path: Path) -> None:
    stop, journal = Event(), JournalWriter(tmp_path / "data" / "journal")
    gateway = Gateway(journal, tmp_path, {}, 0)
    plant = write_plant(tmp_path, free_port())
    gateway.adopt(load(plant), stop)
    gateway._intake.offer([Message((time.time_ns(), "line1", TOPIC, 1, 0, b"{}"), gateway._sources["line1"], None)])
    plant.write_text(plant.read_text().replace("usl = 10.0", "usl = 11.0"))
    stop.set()
    gateway.adopt(load(plant), stop)
    gateway.finish(stop)
    journal.close()
    assert len(system(tmp_path / "data", PLAN)) == 1
    assert payloads(tmp_path / "data") == [b"{}"]
