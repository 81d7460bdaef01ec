"""What those words on the board mean whose own tables in `rules` say it; the others' sentences are in the catalogues.

`board.language` puts them together; a test holds every word that the board may show against the catalogues.
"""

from rules.data_quality import DATA_QUALITY
from rules.event_metrics import EVENT_METRICS
from rules.run_rules import RUN_RULES

SENTENCES: dict[str, str] = {
    **{signal.rule: signal.sentence for signal in DATA_QUALITY if signal.rule != "stale"},
    **{kind.name: kind.formula for kind in EVENT_METRICS.values()},
    # how many points in a row it takes is the plant file's to say, and the rule's name as a rule
    **{rule.name: rule.sentence.replace("{k} points", "points") for rule in RUN_RULES},
}
