"""The pages that are written from the program, by the name that they have in the documentation."""

from collections.abc import Callable, Mapping
from pathlib import Path

import config
from tools.handbook.commands import commands_page
from tools.handbook.http_api import http_api_page
from tools.handbook.plant_file import plant_file_page
from tools.handbook.stored import stored_page

EXAMPLE = Path(config.__file__).parent / "plant.example.toml"
BOARDS = ("index", "andon", "characteristic", "study", "entry", "key-results", "alerts", "metrics", "health", "grafana")
CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def example_page() -> str:
    """The sample plant file, whole."""
    says = (
        "`config/plant.example.toml`: every table, and every option with what it is when it is not there.",
        "[The plant file](plant-file.md) explains them.",
    )
    return f"# A plant file with every option\n\n{' '.join(says)}\n\n```toml\n{EXAMPLE.read_text('utf-8')}```\n"


def changelog_page() -> str:
    """What has changed, version by version; its links are from the top of the checkout."""
    return CHANGELOG.read_text("utf-8").replace("](docs/", "](../")


def decisions(docs: Path) -> list[str]:
    """The decisions, by number."""
    return sorted(path.relative_to(docs).as_posix() for path in (docs / "decisions").glob("[0-9]*.md"))


def boards(docs: Path) -> list[str]:
    """The boards, in the order of their menu; what that does not have comes last."""
    found = sorted((docs / "boards").glob("*.md"), key=lambda path: (_place(path.stem), path.stem))
    return [path.relative_to(docs).as_posix() for path in found]


def _place(board: str) -> int:
    return BOARDS.index(board) if board in BOARDS else len(BOARDS)


FOLDERS: Mapping[str, Callable[[Path], list[str]]] = {"Boards": boards, "Decisions": decisions}

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/plant-file.md": plant_file_page,
    "reference/plant.example.md": example_page,
    "reference/commands.md": commands_page,
    "reference/api.md": http_api_page,
    "reference/stored.md": stored_page,
    "reference/changelog.md": changelog_page,
}
