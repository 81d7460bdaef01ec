"""Published figures: `tests/truth/<name>.json` with source, data, parameters and expected values with tolerances."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "truth"


@dataclass(frozen=True)
class Truth:
    """One case. `data` and `parameters` as in the file; signal lists count from 1."""

    data: dict[str, Any]
    parameters: dict[str, Any]
    expected: dict[str, dict[str, Any]]

    def value(self, key: str) -> Any:
        return self.expected[key]["value"]

    def approx(self, key: str, rel: float = 0.0) -> Any:
        """The expected value within its own tolerance, or within `rel` where another convention is compared."""
        value = self.value(key)
        return pytest.approx(np.array(value) if isinstance(value, list) else value, abs=self.tolerance(key), rel=rel)

    def tolerance(self, key: str) -> float:
        return float(self.expected[key]["abs_tol"])

    def array(self, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array(self.data[key], dtype=float)


def load(name: str) -> Truth:
    case = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Truth(case.get("data", {}), case.get("parameters", {}), case["expected"])
