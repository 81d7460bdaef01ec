"""Requests for many nodes, cut into as many calls as the server takes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from asyncua.ua import uaerrors

T = TypeVar("T")
R = TypeVar("R")

TOO_MUCH = (
    uaerrors.BadTooManyOperations,
    uaerrors.BadEncodingLimitsExceeded,
    uaerrors.BadRequestTooLarge,
    uaerrors.BadResponseTooLarge,
    uaerrors.BadTcpMessageTooLarge,
)


async def in_calls(call: Callable[[Sequence[T]], Awaitable[Sequence[R]]], items: Sequence[T], most: int) -> list[R]:
    """The answers for `items`, in order, at most `most` a call; a call that the server finds too big is halved."""
    answers: list[R] = []
    while len(answers) < len(items):
        try:
            answers += await call(items[len(answers) : len(answers) + most])
        except TOO_MUCH:
            if most == 1:
                raise
            most = max(1, most // 2)
    return answers
