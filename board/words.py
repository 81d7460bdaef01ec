"""What the words on the board mean, in a sentence each: verdicts, statuses, run rules, reasons of key results.

The words are those of their tables in `rules` and `board.overview`; a test holds this table against them.
"""

from rules.data_quality import DATA_QUALITY
from rules.run_rules import RUN_RULES

MEANINGS: dict[str, str] = {
    # Verdicts of a capability figure (`rules.verdicts`)
    "no-spec": "there is no specification to judge by",
    "insufficient": "too few values for a figure",
    "gauge": "measured with a gauge past its calibration, or one that is not able enough",
    "resolution": "nothing varies, or the gauge's steps are too coarse",
    "stale": "no new values for too long",
    "unverified": "something has changed, and its readings since are too few or not capable",
    "unstable": "more points beyond the limits than chance explains, or Ppk far below Cpk",
    "drifting": "Ppk is below the floor though Cpk is not: the process moves",
    "non-normal": "the values do not follow a normal distribution",
    "ok": "nothing speaks against the figure",
    # Statuses of a characteristic (`board.overview`)
    "withdrawn": "the plan has it no more",
    "alert": "an alert is open",
    "no-data": "nothing has been measured yet",
    "signal": "its latest point breaks a run rule",
    "no-figure": "no capability figure yet",
    "below-floor": "its rolling Cpk is below the floor",
    "below-target": "its rolling Cpk is below the target",
    # Limits
    "provisional": "computed from the baseline, and not accepted by a person yet; they judge all the same",
    "accepted": "accepted by a person",
    "fixed": "given in the plant file",
    "rejected": "the baseline had too many points beyond 3 sigma",
    # Reasons of key results (`rules.progress`, `rules.metrics`)
    "on-course": "on course",
    "behind": "behind its course",
    "far-behind": "far behind its course",
    "floor": "an alert of its characteristics is open",
    "not-held-twice": "better, but not at two day closes running yet",
    "no-usable-day": "no usable day for two working days",
    "no-sufficient-day": "no day with enough data yet",
    "few-days": "the period has only begun",
    "missing": "not all of its characteristics or places have a figure",
    # … of event metrics (`rules.event_reduce`, `rules.machine_metrics`, `rules.complaint_metrics`)
    "undefined": "there is nothing to divide by",
    "no-planned-time": "no production was planned",
    "no-states": "the machine has told no state",
    "state-unknown": "of a part of the planned time the machine's state is not known",
    "no-count": "no units have been counted",
    "no-ideal-cycle": "the plant file has no ideal cycle for the machine",
    "not-running": "the machine did not run",
    "not-busy": "the machine neither ran nor was set up nor down",
    "no-failures": "there was no failure",
    "none-due": "no complaint has been answered or become due",
    "none-answered": "no complaint has been answered",
    "no-complaints": "there was no complaint",
    "ideal-cycle": "faster than the ideal cycle: is that right in the plant file?",
    # … and of milestones, which people move (`okr.milestones`)
    "done": "done, as its evidence shows",
    "by-hand": "not done yet, as people say",
    # Alerts
    "open": "not recovered yet",
    "recovered": "enough good days have followed",
    "retracted": "later data took the bad days away",
    # Why something was refused (`connectors.decode_json`, `flows.holdback`)
    "repeated": "the same message once more: it was counted the first time, nothing is lost",
    "unknown-characteristic": "the plant file has no characteristic of this name",
    "unknown-topic": "the plant file has no template for this topic",
    "not-json": "the message is not JSON",
    "not-an-object": "JSON, but no object with values",
    "not-sparkplug": "the bytes are no Sparkplug B payload",
    "before-birth": "data of a node or device that has told no birth since its death, or since our start",
    "earlier-death": "the death of an earlier session that came late: the node lives",
    "unknown-alias": "no birth has said what this alias stands for; the births are asked for",
    "too-many-devices": "more edge nodes and devices than one connector keeps",
    "too-many-metrics": "more metrics than one connector keeps",
    "template": "a Sparkplug template: passed over",
    "dataset": "a Sparkplug dataset: passed over",
    "transient": "marked by its sender as not to be kept",
    "quality-bad": "its source says that the value is bad",
    "quality-uncertain": "its source says that the value is uncertain",
    "quality-stale": "its source says that the value is old",
    "unknown-state": "the tag has no word for this value of the state",
    "no-values": "a message without values",
    "wrong-type": "text or an object where a number or a list belongs",
    "absent-value": "a value that is null",
    "not-finite": "a value that is no finite number",
    "out-of-range": "a number too large to be a measurement",
    "bad-time": "a time that cannot be read",
    "epoch-seconds": "a time in seconds since 1970, where milliseconds are expected",
    "too-large": "a message that is too long",
    "too-deep": "JSON nested too deeply",
    "unsupported-kind": "a kind of message that is not evaluated",
    "template-field-missing": "a field is missing that the characteristic's name is made of",
    "ahead-of-clock": "its time lies too far in the future: is the device's clock right?",
    "too-late": "its day is closed for good; kept, and changes nothing",
    # Readings that count nothing (`rules.data_quality`)
    "remeasured": "the part was measured more than once, and another measurement of it counts",
    # Data quality; stale is told above
    **{signal.rule: signal.sentence for signal in DATA_QUALITY if signal.rule != "stale"},
    # Gaps
    "session-lost": "the broker had forgotten what it should have kept for the gateway",
    "sequence-lost": "numbers are missing between the messages of an edge node",
    "not-taken-in": "the gateway could not take it in, and nobody sends it again",
    "restart": "the gateway did not run",
    "recreated": "the server had forgotten the subscription",
    "went-silent": "the server had stopped publishing",
    "sequence": "notifications that the server had published were lost",
    "overflow": "the server's queue was too short",
    "node-missing": "the server did not have the node for a time",
    "closed": "filled since",
    # States of processes
    "runs": "it runs, and says so",
    "stopped": "it has been stopped",
    "failed": "it has ended by an error",
    "silent": "it gives no sign of life",
    # Run rules; how many points in a row it takes is the plant file's to say, and the rule's name as a rule
    **{rule.name: rule.sentence.replace("{k} points", "points") for rule in RUN_RULES},
}
