"""What pages compute with, called once before anybody asks: machine code is loaded at the first call."""

import numpy as np

from board.figures.table import bounds
from rules.limits import XBAR_R
from rules.study import Chosen, Judged, figures


def make_ready() -> None:
    """Compute the figures of two subgroups and their bounds, for the sake of having done so."""
    two = Chosen(XBAR_R, np.array([9.98, 10.02, 9.99, 10.01]), np.array([0.04, 0.02]), np.array([2, 2]))
    found = figures(two, Judged(lsl=9.9, usl=10.1))
    bounds({"cpk": found.cpk, "cpk_lower": found.cpk_lower, "n": found.n, "within_df": found.within_df}, "cpk")
