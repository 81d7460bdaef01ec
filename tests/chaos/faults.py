"""What befalls the world, at random moments of a seed: kills, restarts of the broker, servers that fail."""

import heapq
import time
from collections.abc import Callable
from random import Random

from tests.chaos.proxies import MODES
from tests.chaos.publisher import Publishing
from tests.chaos.world import World
from tests.spine import PROCESSES

MEAN_SECONDS = {"gateway": 2.5, "engine": 2.5, "forwarder": 3.0, "web": 4.0, "broker": 10.0, "influx": 2.5, "okr": 2.5}
RIGHT_AFTER_START = 0.3  # the share of the kills that are followed by one while the process starts
LONGEST_DOWN_SECONDS = 1.5
LONGEST_FAULT_SECONDS = 4.0

Action = Callable[[], None]


class Faults:
    """A queue of moments; `run` lives through them until the publishing is over."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._chance = world, Random(f"faults {seed}")
        self._queue: list[tuple[float, int, Action]] = []
        self._count = 0

    def run(self, publishing: Publishing) -> None:
        """Until the thread has ended; every process is started in the end by `World.rest`."""
        for name in PROCESSES:
            self._after(self._wait(name), lambda name=name: self._kill(name))
        self._after(self._wait("broker"), self._restart_broker)
        for target in ("influx", "okr"):
            self._after(self._wait(target), lambda target=target: self._fail(target))
        while publishing.is_alive():
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                heapq.heappop(self._queue)[2]()
            if publishing.share > 0.5:
                self._kill_who_was_spared()
            self._world.plant.watch()
            publishing.join(min(0.02, max(0.0, self._queue[0][0] - time.monotonic())))

    def _kill_who_was_spared(self) -> None:
        """Every process is killed at least once, on a slow machine too."""
        for name in PROCESSES:
            if not self._world.plant.kills[name]:
                self._world.plant.end(name)
                self._world.plant.begin(name)

    def _after(self, seconds: float, action: Action) -> None:
        self._count += 1
        heapq.heappush(self._queue, (time.monotonic() + seconds, self._count, action))

    def _wait(self, what: str) -> float:
        """How long until the next; a process that is slow to start is left so much longer, or it would never run."""
        own = self._world.start_seconds.get(what, 0.0)
        return own * self._chance.random() + self._chance.expovariate(1 / (MEAN_SECONDS[what] + own))

    def _kill(self, name: str) -> None:
        self._world.plant.end(name)
        down = self._chance.choice([0.0, self._chance.uniform(0.0, LONGEST_DOWN_SECONDS)])
        self._after(down, lambda: self._world.plant.begin(name))
        if self._chance.random() < RIGHT_AFTER_START:
            self._after(
                down + self._chance.uniform(0.0, self._world.start_seconds[name]),
                lambda: self._kill(name),
            )
        else:
            self._after(down + self._wait(name), lambda: self._kill(name))

    def _restart_broker(self) -> None:
        self._world.restart_broker()
        self._after(self._wait("broker"), self._restart_broker)

    def _fail(self, target: str) -> None:
        proxy = self._world.lines if target == "influx" else self._world.plant.store
        proxy.fails(self._chance.choice(MODES))
        over = self._chance.uniform(0.2, LONGEST_FAULT_SECONDS)
        self._after(over, lambda: proxy.fails("pass"))
        self._after(over + self._wait(target), lambda: self._fail(target))
