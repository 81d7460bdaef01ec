"""Where the dashboards' files are, and how one is written."""

import json
from pathlib import Path

from config.grafana.dashboard import Dashboard

FOLDER = Path(__file__).with_name("dashboards")


def file_name(board: Dashboard) -> str:
    """The name of a board's file."""
    return f"{board.uid.removeprefix('plumbline-')}.json"


def text_of(board: Dashboard) -> str:
    """The board's file: the same board always gives the same text."""
    return json.dumps(board.plain(), indent=1, ensure_ascii=False) + "\n"
