"""Complaints: decided exactly once, told again as they are answered, the open ones by their age."""

import random

import pytest

from rules.complaints import HOUR_NS, KEPT_OPEN_NS, AnswerLimit, ComplaintBook, ComplaintSpec, contributions
from rules.event_tally import Tally, merged
from rules.events import Complaint

SPEC = ComplaintSpec()
DAY_NS = 24 * HOUR_NS


def complaint(name: str, received: float, answered: float = 0, **fields: object) -> Complaint:
    """One with its times in hours."""
    times = round(received * HOUR_NS), round(answered * HOUR_NS)
    return Complaint(name, *times, **fields)  # type: ignore[arg-type] # fields of a complaint


def told(*complaints: Complaint) -> ComplaintBook:
    book = ComplaintBook()
    for one in complaints:
        book.take("plant", "", one, SPEC)
    return book


def of_day(book: ComplaintBook, day: int) -> Tally:
    return merged(book.tallies(day * DAY_NS, (day + 1) * DAY_NS, SPEC).values())


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({}, 72),
        ({"customer_class": "key"}, 24),
        ({"customer_class": "unheard of"}, 72),
        ({"customer_class": "default"}, 72),
        ({"customer_class": "urgent"}, 72),  # the name of no class
        ({"urgent": True}, 2),
        ({"customer_class": "key", "urgent": True}, 2),
    ],
)
def test_the_limit_is_that_of_the_customers_class_and_short_for_urgent_orders(
    fields: dict[str, object], hours: int
) -> None:
    assert SPEC.limit_ns(complaint("C1", 1, **fields)) == hours * HOUR_NS


def test_without_a_limit_of_their_own_urgent_orders_have_that_of_their_class() -> None:
    spec = ComplaintSpec((AnswerLimit("default", 48.0), AnswerLimit("A", 8.0)))
    assert spec.limit_ns(complaint("C1", 1, customer_class="A", urgent=True)) == 8 * HOUR_NS


@pytest.mark.parametrize(("answered", "in_time", "decided"), [(73, 1, 73), (73.001, 0, 73), (200, 0, 73), (0, 0, 73)])
def test_one_answered_by_the_end_of_its_limit_is_in_time_any_other_late_when_it_ends(
    answered: float, in_time: int, decided: int
) -> None:
    found = contributions(complaint("C1", 1, answered), SPEC)
    (at,) = [ns for ns, tally in found if tally.due]
    assert (at, sum(tally.in_time for _, tally in found)) == (decided * HOUR_NS, in_time)


def test_one_not_yet_due_counts_neither_way() -> None:
    book = told(complaint("C1", 1))
    assert (of_day(book, 0).complaints, of_day(book, 0).due) == (1, 0)
    assert (of_day(book, 3).complaints, of_day(book, 3).due, of_day(book, 3).in_time) == (0, 1, 0)


def test_an_answer_counts_on_its_day_with_the_time_it_took() -> None:
    book = told(complaint("C1", 1), complaint("C1", 1, 31), complaint("C2", 20, 29))
    assert (of_day(book, 1).answered, of_day(book, 1).dwell_ns) == (2, 39 * HOUR_NS)
    assert (of_day(book, 1).due, of_day(book, 1).in_time) == (2, 2)


def test_what_a_later_message_does_not_say_stays() -> None:
    book = told(
        complaint("C1", 1, of="service", customer_class="key", urgent=True, topic="scratch"), complaint("C1", 30, 31)
    )
    assert (
        book.to_plain()
        == told(complaint("C1", 1, 31, of="service", customer_class="key", urgent=True, topic="scratch")).to_plain()
    )


def test_a_message_says_which_times_it_changes() -> None:
    book = ComplaintBook()
    assert book.take("plant", "", complaint("C1", 1), SPEC) == [1 * HOUR_NS, 73 * HOUR_NS]
    assert book.take("plant", "", complaint("C1", 1), SPEC) == []
    assert book.take("plant", "", complaint("C1", 1, 5), SPEC) == [5 * HOUR_NS, 73 * HOUR_NS]
    assert book.take("plant", "", complaint("C1", 1, 5, topic="scratch"), SPEC) == [1 * HOUR_NS]


def test_a_complaint_without_a_topic_is_counted_under_its_class() -> None:
    book = told(complaint("C1", 1), complaint("C2", 2, topic="scratch"), complaint("C3", 3, of="design"))
    assert of_day(book, 0).topics == {"production": 1, "scratch": 1, "design": 1}


def test_the_open_ones_have_an_age() -> None:
    book = told(complaint("C1", 1), complaint("C2", 5, 9), complaint("C3", 11), complaint("C4", 20))
    assert book.open_at(12 * HOUR_NS, "plant".__eq__) == (2, 12 * HOUR_NS, 11 * HOUR_NS)
    assert book.open_at(8 * HOUR_NS, "plant".__eq__).n == 2  # as it was then
    assert book.open_at(12 * HOUR_NS, "elsewhere".__eq__) == (0, 0, 0)


def test_what_is_over_is_forgotten_and_what_is_open_kept_for_a_year() -> None:
    book = told(complaint("C1", 1, 5), complaint("C2", 1), complaint("C3", 1, 500))
    book.forget(100 * HOUR_NS, SPEC)
    assert [row[2][0] for row in book.to_plain()] == ["C2", "C3"]
    book.forget(501 * HOUR_NS, SPEC)
    assert [row[2][0] for row in book.to_plain()] == ["C2"]
    book.forget(KEPT_OPEN_NS + 2 * HOUR_NS, SPEC)
    assert book.to_plain() == []


@pytest.mark.parametrize("seed", range(5))
def test_all_days_together_are_all_complaints_however_they_were_told(seed: int) -> None:
    rng = random.Random(seed)
    final = []
    book = ComplaintBook()
    for number in range(60):
        received = rng.randrange(1, 240)
        answered = received + rng.randrange(0, 120) if rng.random() < 0.8 else 0
        one = complaint(
            f"C{number}", received, answered, urgent=rng.random() < 0.2, customer_class=rng.choice(("", "key"))
        )
        final.append(one)
        again = Complaint(one.id, one.received_ns, 0, urgent=one.urgent, customer_class=one.customer_class)
        for told_now in rng.choice(([one], [again, one], [one, again], [again, again, one])):
            book.take("plant", "", told_now, SPEC)
    whole = merged(of_day(ComplaintBook.from_plain(book.to_plain()), day) for day in range(20))
    limits = [2 if one.urgent else 24 if one.customer_class else 72 for one in final]
    waits = [(one.answered_ns - one.received_ns) // HOUR_NS if one.answered_ns else 999 for one in final]
    assert (whole.complaints, whole.due) == (60, 60)
    assert whole.in_time == sum(wait <= limit for wait, limit in zip(waits, limits, strict=True))
    assert whole.dwell_ns == sum(wait for wait in waits if wait < 999) * HOUR_NS
