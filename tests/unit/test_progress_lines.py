import pytest

from flows.progress import LINE_EVERY_SECONDS, Lines, progress_of


def test_off_a_terminal_progress_is_a_line_now_and_then_and_one_at_the_end(capsys: pytest.CaptureFixture[str]):
    clock = [0.0]
    lines = Lines("readings", now=lambda: clock[0])
    for done in range(0, 12_001, 1000):
        lines(done, 12_000)
        clock[0] += LINE_EVERY_SECONDS / 4
    assert capsys.readouterr().err.splitlines() == [
        "4,000 of 12,000 readings",
        "8,000 of 12,000 readings",
        "12,000 of 12,000 readings",
    ]


def test_the_end_is_said_once(capsys: pytest.CaptureFixture[str]):
    with progress_of("readings") as progress:
        for _ in range(3):
            progress(5, 5)
    assert capsys.readouterr().err == "5 of 5 readings\n"
