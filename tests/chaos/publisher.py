"""What the plant's gateways send, and the record of what the broker has acknowledged."""

import time
from collections.abc import Callable
from threading import Condition, Event, Thread

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.chaos.plant import Step, Stream
from tests.spine import CLOCK, Message, clock

ACKNOWLEDGED_SECONDS = 60.0  # by then the broker is back


class Recorder:
    """One client, QoS 1, whose messages are sent again until acknowledged; `acknowledged` is the record."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[Message] = []
        self._changed = Condition()
        self._waiting: dict[int, Message] = {}  # by packet id
        self._early: set[int] = set()  # acknowledged before `publish` had returned
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="gateways", protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(100)
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, messages: tuple[Message, ...]) -> None:
        """Publish in order; return when the broker has acknowledged all."""
        for message in messages:
            mid = self._client.publish(*message, qos=1).mid
            with self._changed:
                if mid in self._early:
                    self._early.remove(mid)
                    self.acknowledged.append(message)
                else:
                    self._waiting[mid] = message
        deadline = time.monotonic() + ACKNOWLEDGED_SECONDS
        with self._changed:
            while self._waiting:
                left = deadline - time.monotonic()
                assert left > 0, f"the broker has not acknowledged {len(self._waiting)} messages"
                self._changed.wait(left)

    def _on_publish(self, _: object, __: object, mid: int, *___: object) -> None:
        with self._changed:
            message = self._waiting.pop(mid, None)
            if message is None:
                self._early.add(mid)
            else:
                self.acknowledged.append(message)
            self._changed.notify_all()

    def measurements(self) -> list[Message]:
        """What was acknowledged but for the clock's."""
        return [message for message in self.acknowledged if message.topic != CLOCK]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Publishing(Thread):
    """Publishes the stream evenly over some seconds, in a thread; `at_share` are called once when it is so far."""

    def __init__(
        self, stream: Stream, recorder: Recorder, seconds: float, at_share: list[tuple[float, Callable[[], None]]]
    ) -> None:
        super().__init__(daemon=True)
        self.fault: BaseException | None = None
        self.share = 0.0
        self.stop = Event()
        self._stream, self._recorder, self._seconds, self._at_share = stream, recorder, seconds, list(at_share)

    def run(self) -> None:
        try:
            self._publish()
        except BaseException as error:  # raised in the driver's own thread
            self.fault = error
        self.share = 1.0

    def _publish(self) -> None:
        began = time.monotonic()
        for step in self._stream.steps():
            while self._at_share and step.share >= self._at_share[0][0]:
                self._at_share.pop(0)[1]()
            self._send(step)
            self.share = min(step.share, 0.999)
            if self.stop.wait(max(0.0, began + step.share * self._seconds - time.monotonic())):
                return

    def _send(self, step: Step) -> None:
        self._recorder.send(step.messages)
        self._recorder.send((clock(step.at_ns),))
