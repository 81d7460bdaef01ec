"""The errors of the configuration: one for the file, one for a stored plan."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the plant file: where (`connectors.press.port`), and what was expected and came."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """What the configuration is refused with."""


class PlantFileError(ConfigError):
    """The plant file cannot be used; `problems` are all the reasons, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class PlanError(ConfigError):
    """Bytes that are no plan, or one of a later version."""
