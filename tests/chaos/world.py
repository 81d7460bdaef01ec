"""The world of one run: broker, InfluxDB, proxies and the four processes, in one folder."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import httpx

from tests.chaos.plant import Stream, plant_text
from tests.chaos.proxies import FaultProxy
from tests.chaos.publisher import Recorder
from tests.influx_server import InfluxServer
from tests.servers import Mosquitto, free_port, server_program
from tests.spine import PROCESSES, Spine, clock, rows

# The session lasts over a restart; what is acknowledged at once is on its way at once.
BROKER = "persistence true\nautosave_interval 3600\nset_tcp_nodelay true\n"
START_SECONDS = 300.0  # a version that runs for the first time compiles its charts
ORDER_SECONDS = 180.0
STOP_SECONDS = 20.0
MOST_ENDS = 12  # of processes by themselves: then the run is given up
WRITTEN = (  # to InfluxDB
    *("point", "reading", "signal", "capability", "day", "metric", "key_result", "episode"),
    *("limits", "gap", "event", "correction"),
)
WRONGLY_READ = "rebuilt"  # what the engine's log says when the recovery folder did not fit


class GivenUp(Exception):  # noqa: N818 - says what is the case
    """The world does not come to rest."""


class Plant(Spine):
    """The four processes, each as `tests.chaos.launch` starts it; one that ends by itself is noted and started."""

    def __init__(
        self, folder: Path, *, broker: int, influx: str, store: Callable[[str], FaultProxy], mutant: str
    ) -> None:
        web = free_port()
        self._ports = {"broker": broker, "influx": influx, "web": web}
        super().__init__(folder, "", web=web)
        self.store = store(f"http://127.0.0.1:{web}")
        self.behind_proxy = folder / "forwarder.toml"  # where the forwarder finds the store behind its proxy
        self.mutant = mutant
        self.ended: list[str] = []  # by themselves
        self.kills: Counter[str] = Counter()
        self.write(changed=False)

    def write(self, *, changed: bool) -> None:
        """Put the plant files in place."""
        for path, web in ((self.file, self._ports["web"]), (self.behind_proxy, self.store.port)):
            text = plant_text(**{**self._ports, "web": web}, changed=changed)  # type: ignore[arg-type] # by name
            new = path.with_suffix(".new")
            new.write_text(text)
            new.replace(path)

    def change_plan(self) -> None:
        """The plant file is edited, and the gateway told."""
        self.write(changed=True)
        gateway = self._children.get("gateway")
        if gateway is not None:
            gateway.send_signal(signal.SIGHUP)

    def command(self, name: str) -> list[str]:
        file = self.behind_proxy if name == "forwarder" else self.file
        mutant = ["--mutant", self.mutant] if self.mutant else []
        return ["-m", "tests.chaos.launch", name, str(file), str(self.data), *mutant]

    def end(self, name: str) -> None:
        """kill -9, if it runs."""
        self.watch()
        child = self._children.pop(name, None)
        if child is not None:
            child.kill()
            child.wait(10)
            self.kills[name] += 1

    def begin(self, name: str) -> None:
        """Start it, if it does not run."""
        if name not in self._children:
            self.start(name)

    def watch(self) -> None:
        """Note which processes have ended by themselves, and start them again."""
        for name, child in list(self._children.items()):
            status = child.poll()
            if status is None:
                continue
            if status == -signal.SIGHUP:  # told of the plan before it could listen: it reads the new one as it starts
                del self._children[name]
                self.start(name)
                continue
            self.ended.append(f"{name} ended by itself with {status}:\n{self.log(name)}")
            if len(self.ended) > MOST_ENDS:
                raise GivenUp(f"processes have ended by themselves {len(self.ended)} times")
            del self._children[name]
            self.start(name)

    def answers(self) -> bool:
        """Whether the web process answers."""
        try:
            return self._http.get("/health").is_success
        except httpx.TransportError:
            return False

    def order(self, body: dict[str, object], key: str) -> None:
        """Post an order, again under the same key until the web process has taken it."""
        until = time.monotonic() + ORDER_SECONDS
        while time.monotonic() < until:
            try:
                answer = self._http.post("/api/v1/commands", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            assert answer.is_success, answer.text
            return
        raise GivenUp(f"no answer to POST commands within {ORDER_SECONDS:g} s")

    def rebuilt(self) -> list[str]:
        """What the engine said when it found its state to be unfit: after kill -9 it never is."""
        path = self._folder / "engine.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return [line for line in text.splitlines() if WRONGLY_READ in line]

    def stop_all(self) -> None:
        """SIGTERM to all, and what they say to that."""
        try:
            self.stop(seconds=STOP_SECONDS)
        except AssertionError as fault:
            self.ended.append(str(fault))

    def wait_for(self, holds: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Return when it holds; `GivenUp` after `seconds`. Watches over the processes."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.watch()
            if time.monotonic() > deadline:
                raise GivenUp(f"not within {seconds:g} s: {what}")
            time.sleep(0.05)


class World:
    """Everything, from start to rest."""

    def __init__(self, folder: Path, stream: Stream, *, mutant: str = "") -> None:
        self.folder, self.stream = folder, stream
        self.broker_restarts = 0
        self.start_seconds: dict[str, float] = {}  # how long each process took to start
        with ExitStack() as stack:
            self.broker = stack.enter_context(Mosquitto(folder / "broker", BROKER))
            self.influx = InfluxServer(server_program("influxd"), folder / "influx")
            stack.callback(self.influx.close)
            self.influx.start()
            self.lines = FaultProxy(self.influx.url, stream.seed, lines=True)
            stack.callback(self.lines.close)
            self.plant = Plant(
                folder,
                broker=self.broker.port,
                influx=self.lines.url,
                store=lambda url: FaultProxy(url, stream.seed + 1),
                mutant=mutant,
            )
            stack.callback(self.plant.store.close)
            stack.callback(self.plant.stop_all)
            self.recorder = Recorder(self.broker.port)
            stack.callback(self.recorder.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def begin(self) -> None:
        """All processes run, and the gateway has subscribed: before that the broker keeps nothing for it."""
        began, data = time.monotonic(), self.plant.data
        for name in PROCESSES:
            self.plant.begin(name)

        def subscribed() -> bool:
            self.recorder.send((clock(self.stream.start_ns),))
            return self.plant.journal_state("tick") == str(self.stream.start_ns)

        runs: dict[str, Callable[[], bool]] = {
            "gateway": subscribed,
            "engine": lambda: bool(rows(data / "history.db", 'SELECT 1 FROM "meta" WHERE "applied_seq" > 0')),
            "forwarder": (data / "forwarder.db").exists,
            "web": self.plant.answers,
        }

        def all_run() -> bool:
            for name in runs.keys() - self.start_seconds.keys():
                if runs[name]():
                    self.start_seconds[name] = time.monotonic() - began
            return runs.keys() == self.start_seconds.keys()

        self.plant.wait_for(all_run, "all processes run", seconds=START_SECONDS)

    def restart_broker(self) -> None:
        """Stopped and started: its sessions last, the connections do not."""
        self.broker.stop()
        self.broker.start()
        self.broker_restarts += 1

    def rest(self, *, seconds: float = 120.0) -> None:
        """Calm: everything runs and nothing fails, until all that was acknowledged has come through."""
        for proxy in (self.lines, self.plant.store):
            proxy.fails("pass")
        for name in PROCESSES:
            self.plant.begin(name)
        plant, end = self.plant, self.stream.end_ns
        plant.wait_for(
            lambda: int(plant.journal_state("tick") or 0) >= end,
            "the clock's last tick in the journal",
            seconds=seconds,
        )
        last = int(rows(max(plant.data.glob("journal/*.db")), "SELECT max(seq) FROM entry")[0][0])
        history = plant.data / "history.db"

        def applied() -> bool:
            found = rows(history, 'SELECT "applied_seq" FROM "meta"')
            return bool(found) and found[0][0] >= last

        plant.wait_for(applied, f"the results of journal entry {last} in the history", seconds=seconds)
        plant.wait_for(lambda: served(plant.data, "store", ("outbox",)), "the outbox in the OKR store", seconds=seconds)
        plant.wait_for(lambda: served(plant.data, "influxdb", WRITTEN), "all results in InfluxDB", seconds=seconds)


def served(data: Path, target: str, kinds: tuple[str, ...]) -> bool:
    """Whether the forwarder has served a target with every row of these kinds."""
    newest = 'SELECT max("row") FROM "{}"'
    last = max((rows(data / "history.db", newest.format(kind))[0][0] or 0) for kind in kinds)
    at = rows(data / "forwarder.db", 'SELECT "row" FROM "cursor" WHERE "target" = ?', target)
    return bool(at) and at[0][0] >= last
