"""Shelves of tallies: by stretch of time (a production day, or a quarter of an hour), place and group."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import orjson

from rules.event_tally import Tally

Group = tuple[tuple[str, str], ...]  # context fields that metrics ask for, with their values, sorted
Placed = tuple[str, Group, Tally]  # of a place and group

MOST_GROUPS = 1_000  # of a place and stretch that are told apart
OTHERS = "(others)"


class Shelf:
    """Tallies by stretch, place and group; what has not changed is packed once."""

    def __init__(self) -> None:
        self._stretches: dict[int, dict[str, dict[Group, Tally]]] = {}
        self._packed: dict[int, bytes] = {}

    def add(self, stretch: int, place: str, group: Group, tally: Tally) -> None:
        """Add to a tally; beyond the most groups of a place they are one."""
        groups = self._groups(stretch, place)
        if group not in groups and len(groups) >= MOST_GROUPS:
            group = tuple((name, OTHERS) for name, _ in group)
        mine = groups.setdefault(group, Tally())
        mine.add(tally)
        mine.bounded()

    def put(self, stretch: int, place: str, tally: Tally) -> bool:
        """Put a tally in the place of the one before; whether it is another."""
        if self._stretches.get(stretch, {}).get(place, {}).get((), Tally()) == tally:
            return False
        self._groups(stretch, place)[()] = tally
        return True

    def replace(self, stretch: int, tallies: dict[tuple[str, Group], Tally]) -> set[str]:
        """Put these in the place of all that a stretch had; gives the places whose tallies are others now."""
        tallies = {key: tally.bounded() for key, tally in tallies.items()}
        before = {(place, group): tally for place, group, tally in self.over([stretch])}
        changed = {key[0] for key in before.keys() | tallies.keys() if before.get(key) != tallies.get(key)}
        if changed:
            self._stretches[stretch] = {}
            for (place, group), tally in sorted(tallies.items()):
                self._groups(stretch, place)[group] = tally
            self._packed.pop(stretch, None)
        return changed

    def _groups(self, stretch: int, place: str) -> dict[Group, Tally]:
        self._packed.pop(stretch, None)
        return self._stretches.setdefault(stretch, {}).setdefault(place, {})

    def over(self, stretches: Iterable[int]) -> Iterator[Placed]:
        """The tallies of these stretches, in their order, then by place and group."""
        for stretch in stretches:
            for place, groups in sorted(self._stretches.get(stretch, {}).items()):
                for group, tally in sorted(groups.items()):
                    yield place, group, tally

    def stretches(self) -> list[int]:
        """The stretches that have a tally, newest first."""
        return sorted(self._stretches, reverse=True)

    def forget(self, before: int) -> None:
        """Forget the stretches before one."""
        for old in [one for one in self._stretches if one < before]:
            del self._stretches[old]
            self._packed.pop(old, None)

    def to_plain(self) -> list[tuple[int, bytes]]:
        """Each stretch with its tallies as bytes, oldest first."""
        for stretch, places in self._stretches.items():
            if stretch not in self._packed:
                plain = [
                    (place, [(group, tally.to_plain()) for group, tally in sorted(groups.items())])
                    for place, groups in sorted(places.items())
                ]
                self._packed[stretch] = orjson.dumps(plain)
        return sorted(self._packed.items())

    @classmethod
    def from_plain(cls, plain: list[tuple[int, bytes]]) -> "Shelf":
        """The shelf that `to_plain` gave."""
        shelf = cls()
        for stretch, packed in plain:
            shelf._packed[stretch] = packed
            shelf._stretches[stretch] = {
                place: {tuple((name, value) for name, value in group): Tally.from_plain(of) for group, of in groups}
                for place, groups in orjson.loads(packed)
            }
        return shelf


def is_named(place: str, patterns: Iterable[str]) -> bool:
    """Whether a place is one of these, by its name or a glob (`*` also spans `/`)."""
    return any(place == one or fnmatchcase(place, one) for one in patterns)
