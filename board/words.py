"""What the words on the board mean, in a sentence each: verdicts, statuses, run rules, reasons of key results.

The words are those of their tables in `rules` and `board.overview`; a test holds this table against them.
"""

from rules.run_rules import RUN_RULES

MEANINGS: dict[str, str] = {
    # Verdicts of a capability figure (`rules.verdicts`)
    "no-spec": "there is no specification to judge by",
    "insufficient": "too few values for a figure",
    "gauge": "the gauge is not able enough",
    "resolution": "nothing varies, or the gauge's steps are too coarse",
    "stale": "no new values for too long",
    "unverified": "its limits or specification are not verified",
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
    "missing": "not all of its characteristics have a figure",
    # … and of milestones, which people move (`okr.milestones`)
    "done": "done, as its evidence shows",
    "by-hand": "not done yet, as people say",
    # Alerts
    "open": "not recovered yet",
    "recovered": "enough good days have followed",
    "retracted": "later data took the bad days away",
    # Run rules; how many points in a row it takes is the plant file's to say, and the rule's name as a rule
    **{rule.name: rule.sentence.replace("{k} points", "points") for rule in RUN_RULES},
}
