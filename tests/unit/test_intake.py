import time
from collections.abc import Sequence
from threading import Timer

from connectors.intake import GROUP_MESSAGES, Intake, Message, Notice, Token


class Nobody:
    failure: BaseException | None = None

    def acknowledge(self, tokens: Sequence[Token]) -> None: ...

    def quiesce(self) -> None: ...

    def close(self) -> None: ...


SOURCE = Nobody()


def message(number: int, size: int = 1) -> Message:
    return Message((number, "line1", "t", number, 0, bytes(size)), SOURCE, (1, number))


def test_what_is_offered_is_taken_in_order_with_the_notices_between() -> None:
    intake = Intake()
    items: list[Message | Notice] = [message(1), Notice("line1", "lost", 2), message(3)]
    assert intake.offer([message(1)]) == 1
    intake.tell(Notice("line1", "lost", 2))
    assert intake.offer([message(3)]) == 1
    assert intake.take(0.0) == items
    assert intake.take(0.0) == []


def test_from_half_of_its_bound_it_wants_no_more_until_it_has_drained() -> None:
    intake = Intake(max_messages=10)
    assert intake.offer([message(number) for number in range(5)]) == 5
    assert intake.accepting
    assert intake.offer([message(5)]) == 1
    assert not intake.accepting
    intake.take(0.0)
    assert intake.accepting


def test_beyond_its_bound_it_refuses_messages_but_no_notices() -> None:
    intake = Intake(max_messages=10)
    assert intake.offer([message(number) for number in range(11)]) == 10
    intake.tell(Notice("line1", "lost", 1))
    assert len(intake.take(0.0)) == 11
    assert intake.offer([message(11)]) == 1


def test_the_bound_is_in_bytes_too_but_one_large_message_finds_an_empty_queue() -> None:
    intake = Intake(max_bytes=1_000)
    assert intake.offer([message(1, 5_000)]) == 1
    assert intake.offer([message(2)]) == 0
    intake.take(0.0)
    assert intake.offer([message(2)]) == 1


def test_it_stays_shut_while_any_reason_holds() -> None:
    intake = Intake()
    intake.shut("disk")
    intake.shut("journal")
    intake.reopen("disk")
    assert intake.offer([message(1)]) == 0
    intake.reopen("journal")
    assert intake.offer([message(1)]) == 1


def test_a_single_message_wakes_the_writer_at_once() -> None:
    intake = Intake()
    later = Timer(0.05, intake.offer, [[message(1)]])
    later.start()
    began = time.monotonic()
    assert intake.take(5.0) == [message(1)]
    assert time.monotonic() - began < 1.0  # at once, were it not for a busy machine
    later.join()


def test_of_a_stream_a_group_is_taken() -> None:
    intake = Intake()
    intake.offer([message(0)])
    intake.take(0.0)
    intake.offer([message(number) for number in range(GROUP_MESSAGES)])
    assert len(intake.take(0.0)) == GROUP_MESSAGES
