"""The stream between paho and a broker: it takes PUBLISH packets out by itself and leaves every other one to paho.

A gateway receives little else than PUBLISH, and paho spends four system calls and some forty Python calls on each. Here
a whole buffer of them is taken at once, and acknowledgements go out together. Connecting, subscribing, keeping alive
and taking leave stay paho's: it reads and writes through `recv` and `send` below.

Source: OASIS, MQTT Version 5.0 (2019), sections 2.1 and 3.3, and MQTT Version 3.1.1 (2014), the same sections.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from paho.mqtt import MQTTException

RECEIVE_BYTES = 65_536

_PUBLISH = 0x30
_PUBACK = b"\x40\x02"
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Publish(NamedTuple):
    """One PUBLISH packet, as it came; `packet_id` is 0 at QoS 0."""

    topic: bytes
    packet_id: int
    dup: bool
    qos: int
    payload: bytes


class PublishStream:
    """A connected socket, `has_properties` with MQTT 5. Not thread-safe: one thread reads and writes."""

    def __init__(self, sock: socket.socket, *, has_properties: bool) -> None:
        self._sock = sock
        self._has_properties = has_properties
        self._data, self._at = b"", 0  # received and not yet taken: from `_at` on
        self._parts: list[bytes] = []  # what came after it
        self._parts_bytes = 0
        self._wanted = 0  # bytes that a packet which has begun still lacks; 0 if that is not known
        self._for_paho = b""
        self._out = bytearray()
        self.ended = False  # the broker has closed the connection

    # --- what the connector uses

    @property
    def waiting(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._out)

    @property
    def held_back(self) -> bool:
        """Whether TLS has bytes that no poll of the socket tells of."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def receive(self) -> None:
        """Read once from the socket; raises `OSError` when the connection is broken."""
        with suppress(*_LATER):
            part = self._sock.recv(RECEIVE_BYTES)
            self.ended = not part
            self._parts.append(part)
            self._parts_bytes += len(part)

    def publishes(self, most: int) -> list[Publish]:
        """The next PUBLISH packets, up to `most` and up to the next packet of another kind.

        Raises `MQTTException` for a packet that is none.
        """
        self._join()
        found: list[Publish] = []
        data, at = self._data, self._at
        while len(found) < most and (bounds := self._packet(at)) is not None and data[at] & 0xF0 == _PUBLISH:
            body, end = bounds
            found.append(self._publish(data[at], body, end))
            at = end
        self._at = at
        return found

    def give_paho_one(self) -> bool:
        """Let paho's next read have the next packet; false while none of its kind is whole."""
        self._join()
        bounds = self._packet(self._at)
        if bounds is None or self._data[self._at] & 0xF0 == _PUBLISH:
            return False
        self._for_paho += self._data[self._at : bounds[1]]
        self._at = bounds[1]
        return True

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send a PUBACK for each."""
        self._out += b"".join([_PUBACK + packet_id.to_bytes(2, "big") for packet_id in packet_ids])
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes; raises `OSError` when the connection is broken."""
        with suppress(*_LATER):
            while self._out:
                sent = self._sock.send(self._out)
                del self._out[:sent]

    # --- what paho uses

    def recv(self, buffer_size: int) -> bytes:
        """Bytes of the packets that are paho's; raises `BlockingIOError` while there are none."""
        if not self._for_paho:
            raise BlockingIOError
        given, self._for_paho = self._for_paho[:buffer_size], self._for_paho[buffer_size:]
        return given

    def send(self, buffer: bytes | bytearray) -> int:
        """Send a packet of paho's, whole and after what waits."""
        self._out += buffer
        self.flush()
        return len(buffer)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def fileno(self) -> int:
        """The socket's."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As of a socket."""
        self._sock.setblocking(flag)

    # --- packets

    def _join(self) -> None:
        """Put together what came, once a packet that has begun can be whole: each byte is copied twice at most."""
        if self._parts and self._parts_bytes >= self._wanted:
            self._data = b"".join([self._data[self._at :], *self._parts])
            self._at, self._parts, self._parts_bytes, self._wanted = 0, [], 0, 0

    def _packet(self, at: int) -> tuple[int, int] | None:
        """Where the body of the packet at `at` begins and ends; None while it is not whole."""
        data, size = self._data, len(self._data)
        length = shift = 0
        body = at + 1
        while body < size:
            byte = data[body]
            body += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                if body + length <= size:
                    return body, body + length
                self._wanted = body + length - size
                return None
            shift += 7
            if shift > 21:
                raise MQTTException("malformed packet: its length has more than 4 bytes")
        return None

    def _publish(self, head: int, body: int, end: int) -> Publish:
        data = self._data
        begins = body + 2
        at = begins + (data[body] << 8 | data[body + 1]) if begins <= end else end + 1
        topic = data[begins:at]
        qos = head >> 1 & 3
        packet_id = 0
        if qos and at + 2 <= end:
            packet_id = data[at] << 8 | data[at + 1]
            at += 2
        if self._has_properties and at < end:
            at = self._behind_properties(at, end)
        if at > end or qos == 3 or bool(qos) is not bool(packet_id):
            raise MQTTException("malformed PUBLISH packet")
        return Publish(topic, packet_id, bool(head & 8), qos, data[at:end])

    def _behind_properties(self, at: int, end: int) -> int:
        length = shift = 0
        while at < end and shift <= 21:
            byte = self._data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                return at + length
            shift += 7
        return end + 1
