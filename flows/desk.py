"""Where the kernel writes: the output arrays that all shards of a worker use in turn."""

import threading

from flows.layout import lay_out
from rules.kernel import make_output, output_lengths
from rules.records import Output, Shard

LEAST = 4096  # readings of a frame for which there is room at once; a fuller one is emptied on the way


class Desk(threading.local):
    """The output arrays of a worker, which advances its shards one after the other: one set does for all."""

    def __init__(self) -> None:
        self._lengths = output_lengths(lay_out((), 0), 0)
        self._output = make_output(self._lengths)

    def output_for(self, shard: Shard, readings: int) -> Output:
        """Arrays in which `shard` has room; they grow to the largest that was asked for."""
        enough = output_lengths(shard, min(readings, LEAST))
        if any(self._lengths[name] < length for name, length in enough.items()):
            wanted = output_lengths(shard, readings)
            self._lengths = {name: max(length, wanted[name]) for name, length in self._lengths.items()}
            self._output = make_output(self._lengths)
        return self._output


DESK = Desk()
