"""One characteristic: its control chart (`chart`), its figures and readings (`figures`)."""

from board.history.rows import Shown
from board.page import Asked, NoSuchThing, Page
from board.pages.characteristic import chart, figures


def content(asked: Asked) -> Shown:
    """Its name; raises `NoSuchThing` for one that the history does not have."""
    if not asked.view.numbers([asked.name]):
        plant = asked.board.plant
        if plant is not None and asked.name in plant.characteristics:
            raise NoSuchThing(asked.language.t("characteristic.not-yet", name=asked.name))
        raise NoSuchThing(asked.language.t("characteristic.unknown", name=asked.name))
    return {"characteristic": asked.name}


PAGE = Page(
    "characteristic",
    "/characteristics/{name:path}",
    content,
    parts={**chart.PARTS, **figures.PARTS},
    menu=False,
)
