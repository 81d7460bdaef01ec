"""PUBLISH packets taken out of a stream, against packets put together by the words of the standard."""

import socket
import ssl
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import MQTTException

from connectors.mqtt_stream import Publish, PublishStream

PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x03\x00\x01\x01"


def variable_length(number: int) -> bytes:
    """A Variable Byte Integer (MQTT 5.0, section 1.5.5)."""
    if number < 128:
        return bytes([number])
    return bytes([number % 128 + 128]) + variable_length(number // 128)


def packet(one: Publish, properties: bytes | None) -> bytes:
    """A PUBLISH packet (MQTT 5.0, section 3.3); without `properties` as of MQTT 3.1.1."""
    body = len(one.topic).to_bytes(2, "big") + one.topic
    body += one.packet_id.to_bytes(2, "big") if one.qos else b""
    body += b"" if properties is None else variable_length(len(properties)) + properties
    body += one.payload
    return bytes([0x30 | one.dup << 3 | one.qos << 1]) + variable_length(len(body)) + body


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def drain(stream: PublishStream, most: int) -> tuple[list[Publish], bytes]:
    """All that can be taken now: the messages, and what paho reads."""
    found: list[Publish] = []
    paho = b""
    while True:
        if some := stream.publishes(most):
            found += some
        elif stream.give_paho_one():
            paho += stream.recv(1_000_000)
        else:
            return found, paho


publishes = st.builds(
    Publish,
    topic=st.binary(max_size=200),
    packet_id=st.integers(1, 65_535),
    dup=st.booleans(),
    qos=st.sampled_from([1, 1, 2]),
    payload=st.one_of(st.binary(max_size=300), st.integers(16_000, 17_000).map(bytes)),
) | st.builds(Publish, st.binary(max_size=9), st.just(0), st.just(False), st.just(0), st.binary(max_size=9))


@given(
    sent=st.lists(st.one_of(publishes, st.sampled_from([PINGRESP, SUBACK])), max_size=8),
    properties=st.none() | st.sampled_from([b"", b"\x01\x01", bytes(200)]),
    cuts=st.lists(st.integers(0, 20_000), max_size=8),
    most=st.integers(1, 5),
)
def test_what_was_published_is_taken_and_the_rest_is_paho_s_however_it_was_cut(
    sent: list[Publish | bytes], properties: bytes | None, cuts: list[int], most: int
) -> None:
    data = b"".join(one if isinstance(one, bytes) else packet(one, properties) for one in sent)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    stream = PublishStream(ours, has_properties=properties is not None)
    found: list[Publish] = []
    paho = b""
    with ours, theirs:
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
            theirs.sendall(data[begin:end])
            for _ in range(len(data[begin:end]) // 65_536 + 1):
                stream.receive()
            some, other = drain(stream, most)
            found, paho = found + some, paho + other
    assert found == [one for one in sent if isinstance(one, Publish)]
    assert paho == b"".join(one for one in sent if isinstance(one, bytes))


def test_a_packet_of_another_kind_is_read_before_what_came_after_it(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    one = Publish(b"t", 7, False, 1, b"x")
    stream = PublishStream(ends[0], has_properties=False)
    ends[1].sendall(packet(one, None) + SUBACK + packet(one, None))
    stream.receive()
    assert stream.publishes(10) == [one]
    assert stream.publishes(10) == []
    assert stream.give_paho_one()
    assert stream.recv(1) + stream.recv(100) == SUBACK
    with pytest.raises(BlockingIOError):
        stream.recv(1)
    assert stream.publishes(10) == [one]


def test_a_large_packet_is_put_together_once(ends: tuple[socket.socket, socket.socket]) -> None:
    one = Publish(b"t", 7, False, 1, bytes(3_000_000))
    stream, data, joined = PublishStream(ends[0], has_properties=True), packet(one, b""), 0
    found: list[Publish] = []
    for begin in range(0, len(data), 50_000):
        ends[1].sendall(data[begin : begin + 50_000])
        stream.receive()
        before = stream._data
        found += stream.publishes(1)
        joined += stream._data is not before
    assert found == [one]
    assert joined == 2  # the first part, which says how long it is, and the whole


@pytest.mark.parametrize(
    ("packet_bytes", "fault"),
    [
        (b"\x32\xff\xff\xff\xff\x7f", "more than 4 bytes"),
        (b"\x32\x03\x00\x05t", "malformed PUBLISH"),
        (b"\x32\x01\x00", "malformed PUBLISH"),
        (b"\x32\x03\x00\x01t", "malformed PUBLISH"),  # no packet id
        (b"\x32\x05\x00\x01t\x00\x00", "malformed PUBLISH"),  # packet id 0
        (b"\x36\x05\x00\x01t\x00\x01", "malformed PUBLISH"),  # QoS 3
        (b"\x32\x06\x00\x01t\x00\x01\x05", "malformed PUBLISH"),  # properties longer than the packet
        (b"\x32\x07\x00\x01t\x00\x01\xff\xff", "malformed PUBLISH"),
    ],
)
def test_a_malformed_packet_ends_the_connection(
    packet_bytes: bytes, fault: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    stream = PublishStream(ends[0], has_properties=True)
    ends[1].sendall(packet_bytes)
    stream.receive()
    with pytest.raises(MQTTException, match=fault):
        stream.publishes(1)


def test_what_the_socket_does_not_take_waits_and_goes_out_in_order(ends: tuple[socket.socket, socket.socket]) -> None:
    stream = PublishStream(ends[0], has_properties=True)
    blocks = [bytes([number]) * 100_000 for number in range(10)]
    for block in blocks:
        assert stream.send(block) == len(block)
    stream.acknowledge([1, 65_535])
    assert stream.waiting
    expected = b"".join(blocks) + b"\x40\x02\x00\x01\x40\x02\xff\xff"
    got = b""
    while len(got) < len(expected):
        got += ends[1].recv(65_536)
        stream.flush()
    assert got == expected
    assert not stream.waiting


def test_the_end_of_a_connection_is_seen(ends: tuple[socket.socket, socket.socket]) -> None:
    stream = PublishStream(ends[0], has_properties=True)
    stream.receive()
    assert not stream.ended
    ends[1].close()
    stream.receive()
    assert stream.ended
    assert not stream.held_back
    assert not isinstance(ends[0], ssl.SSLSocket)
