"""A message is acknowledged as it is taken from the queue, before the journal has it."""

from connectors.intake import Intake, Message, Notice
from tests.mutants import put


def apply() -> None:
    take = Intake.take

    def acknowledged(self: Intake, timeout_seconds: float) -> list[Message | Notice]:
        items = take(self, timeout_seconds)
        for item in items:
            if isinstance(item, Message) and item.token is not None:
                item.source.acknowledge([item.token])
        return [item._replace(token=None) if isinstance(item, Message) else item for item in items]

    put(Intake, "take", acknowledged)
