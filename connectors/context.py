"""What a message says around its values: the fields that are kept with each reading, and their hashes."""

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from connectors.columns import OTHER_PURPOSE, PRODUCTION

_CHANGE = ("product", "lot", "tool")  # a change of one of these ends a subgroup
_OTHER = "subgroup part supplier machine cavity fixture gauge operator order purpose"
FIELDS = frozenset((*_CHANGE, *_OTHER.split()))

LONGEST = 500  # characters of a field: it is kept with every reading

_KINDS = frozenset((str, int, float))
_WORD = (1 << 63) - 1


class Context(NamedTuple):
    """`text` is canonical JSON ("" for none), `bad` the names of fields that are left out."""

    text: str
    subgroup: int
    change: int
    state: int
    bad: tuple[str, ...]


NOTHING = Context("", 0, 0, PRODUCTION, ())


def hash_63(kind: bytes, data: bytes) -> int:
    """A hash in 1 … 2⁶³−1; `kind` keeps what is hashed for different purposes apart."""
    return int.from_bytes(blake2b(data, digest_size=8, person=kind).digest(), "little") & _WORD or 1


def array_subgroups(seq: npt.NDArray[np.int64], idx: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Hashes in 1 … 2⁶³−1 of the arrays that begin with value `idx` of entry `seq`.

    The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection: for entries of fewer than 2²⁰ values
    two arrays can only meet by the bit that is cut off.
    """
    word = (seq.astype(np.uint64) << np.uint64(20)) + idx.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    return np.maximum((word & np.uint64(_WORD)).astype(np.int64), 1)


def read_context(message: dict[str, Any]) -> Context:
    """The context of one message. Null and empty fields are absent ones; a bad field is left out and named.

    A field is bad that is no string and no number, or longer than 500 characters.
    A purpose that cannot be read is not production: nothing enters a chart on a guess.
    """
    if FIELDS.isdisjoint(message):
        return NOTHING
    found = {name: value for name, value in message.items() if name in FIELDS and value is not None and value != ""}
    bad: tuple[str, ...] = ()
    if not _KINDS.issuperset(map(type, found.values())):
        bad = tuple(name for name, value in found.items() if type(value) not in _KINDS)
        found = {name: value for name, value in found.items() if name not in bad}
    if not found and not bad:
        return NOTHING
    text = orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode() if found else ""
    if len(text) > LONGEST:
        long = tuple(name for name, value in found.items() if type(value) is str and len(value) > LONGEST)
        if long:
            rest = read_context({name: value for name, value in found.items() if name not in long})
            state = OTHER_PURPOSE if "purpose" in bad + long else rest.state
            return rest._replace(state=state, bad=bad + long)
    subgroup, change, state = 0, 0, PRODUCTION
    if "subgroup" in found:
        subgroup = hash_63(b"name", str(found["subgroup"]).encode())
    if "product" in found or "lot" in found or "tool" in found:
        change = hash_63(b"change", orjson.dumps([found.get(name) for name in _CHANGE]))
    if found.get("purpose", "production") != "production" or "purpose" in bad:
        state = OTHER_PURPOSE
    return Context(text, subgroup, change, state, bad)
