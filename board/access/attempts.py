"""How often somebody has tried in vain to sign in, by the address from which they come."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Network, ip_address

MOST_FAILURES = 10
WINDOW_SECONDS = 60.0
MOST_CLIENTS = 10_000


class Attempts:
    """Counts failures: ten within a minute, and the next is not looked at before the minute is over."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_seconds(self, client: str) -> float:
        """For how long that client must wait; 0 when it may try."""
        times = self._lately(_group(client))
        return times[0] + WINDOW_SECONDS - self._now() if len(times) >= MOST_FAILURES else 0.0

    def failed(self, client: str) -> None:
        """It has shown what is no token."""
        group = _group(client)
        self._failures[group] = [*self._lately(group), self._now()][-MOST_FAILURES:]
        self._failures.move_to_end(group)
        if len(self._failures) > MOST_CLIENTS:
            self._failures.popitem(last=False)

    def _lately(self, group: str) -> list[float]:
        since = self._now() - WINDOW_SECONDS
        return [one for one in self._failures.get(group, ()) if one > since]


def _group(client: str) -> str:
    """The address; of IPv6 the network of 64 bits, within which one machine has as many as it likes."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    return str(IPv6Network((int(address), 64), strict=False)) if address.version == 6 else client
