"""The kill loop: a whole plant on real parts, everything that can fail failing, and an oracle that reads what is left.

`python -m tests.chaos --seconds 60 --seed 7` (`make chaos`); docs/faults.md says what is tried and how to read it.
"""
