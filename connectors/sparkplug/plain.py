"""Data of many plain metrics at once: measurements known by alias, each with its time and a good, finite number.

It gives what the way metric by metric gives (`connectors.decode_sparkplug`), and leaves everything else to that.
"""

from collections.abc import Mapping

import numpy as np

from connectors.blocks import BLOCK, Blocks
from connectors.columns import PRODUCTION
from connectors.decode_json import LARGEST
from connectors.event_time import LIMIT_NS, SECONDS
from connectors.segments import Entry
from connectors.sparkplug.nodes import KnownMetric
from connectors.sparkplug.payload import Payload
from connectors.sparkplug.scan import (
    ALIAS,
    DOUBLE,
    FLAGS,
    FLOAT,
    HAS_ALIAS,
    HAS_TIMESTAMP,
    KIND,
    NAME_AT,
    QUALITY,
    TIMESTAMP,
)
from connectors.sparkplug.types import GOOD

FROM = 16  # metrics of a message: below that the columns cost more than they save
MS_NS = 1_000_000


def take_plainly(
    entry: Entry, payload: Payload, aliases: Mapping[int, KnownMetric], connector: int, blocks: Blocks
) -> bool:
    """Takes the message into `blocks`, and notes what was taken of each metric.

    False, and nothing is taken, if not all of it is plain. `connector`: its number in the plan.
    """
    if len(payload) < FROM:
        return False
    table = payload.table
    kind, quality, time_ms = table[:, KIND], table[:, QUALITY], table[:, TIMESTAMP]
    plain = (
        (table[:, NAME_AT] < 0)
        & (table[:, FLAGS] == HAS_ALIAS | HAS_TIMESTAMP)
        & ((kind == DOUBLE) | (kind == FLOAT))
        & ((quality < 0) | (quality == GOOD))
        & (time_ms >= SECONDS[1])
        & (time_ms <= LIMIT_NS // MS_NS)
    )
    if not plain.all():
        return False
    number = payload.numbers()
    if not (np.abs(number) <= LARGEST).all():  # nor is a nan
        return False
    known = [aliases.get(alias) for alias in table[:, ALIAS].tolist()]
    if any(one is None or one.measures < 0 for one in known):
        return False
    time_ns = time_ms * MS_NS
    rows = np.zeros((len(known), len(BLOCK)), np.int64)
    of = {name: rows[:, place] for place, name in enumerate(BLOCK)}
    of["n"][:], of["idx"][:], of["state"][:] = 1, np.arange(len(known)), PRODUCTION
    of["time_ns"][:], of["seq"][:], of["connector"][:] = time_ns, entry.seq, connector
    blocks.blocks.frombytes(rows.tobytes())
    blocks.value.frombytes(np.ascontiguousarray(number).tobytes())
    blocks.unordered |= bool((np.diff(time_ns) < 0).any())
    for one, value, taken_ns in zip(known, number.tolist(), time_ns.tolist(), strict=True):
        blocks.characteristic.append(one.measures)  # type: ignore[union-attr] # none is None, see above
        one.last, one.last_ns = value, taken_ns  # type: ignore[union-attr] # as above
    return True
