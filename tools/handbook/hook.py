"""What `mkdocs` calls as it builds the documentation: it adds the pages that are written from the program."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools.handbook.pages import PAGES, decisions


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The decisions stand in the contents by their numbers; none is listed by hand."""
    for chapter in config.nav or []:
        for page in (page for pages in chapter.values() for page in pages):
            if isinstance(page, dict) and "Decisions" in page:
                page["Decisions"] = decisions(Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are written from the program stand beside those that are written by hand."""
    for name, write in PAGES.items():
        files.append(File.generated(config, name, content=write()))
    return files
