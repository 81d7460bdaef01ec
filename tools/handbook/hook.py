"""What `mkdocs` calls as it builds the documentation: it adds the pages that are written from the program."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools.handbook.pages import FOLDERS, PAGES


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Boards and decisions stand in the contents by themselves: a file in their folder is enough."""
    _fill(config.nav or [], Path(config.docs_dir))
    return config


def _fill(contents: list[Any], docs: Path) -> None:
    for entry in contents:
        for name, pages in entry.items() if isinstance(entry, dict) else ():
            if name in FOLDERS:
                pages += [page for page in FOLDERS[name](docs) if page not in str(pages)]
            elif isinstance(pages, list):
                _fill(pages, docs)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are written from the program stand beside those that are written by hand."""
    for name, write in PAGES.items():
        files.append(File.generated(config, name, content=write()))
    return files
