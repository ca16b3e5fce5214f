"""Records of benchmarks that never ran."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def record(
    case: str, method: str, value: float | None, group: str = "", **others: Any
) -> dict[str, Any]:
    """One record; a value of None is a failure."""
    failed = value is None
    return {
        "dataset": "toy",
        "case": case,
        "group": group or case,
        "method": method,
        "parameters": {},
        "status": "failed" if failed else "ok",
        "verdict": None if failed else "OK",
        "scores": {} if failed else {"tre_mm": value},
        "runtime_s": None,
        "peak_memory_mb": None,
        "device": "cpu",
        "error": "crashed" if failed else None,
        **others,
    }


def table(columns: dict[str, Sequence[float | None]], groups: Sequence[str] = ()) -> list[Any]:
    """Records of a table: method -> value of every case."""
    return [
        record(f"c{row}", method, value, groups[row] if groups else "")
        for method, values in columns.items()
        for row, value in enumerate(values)
    ]


def clustered(
    rng: np.random.Generator, sizes: np.ndarray, kind: str = "normal", icc: float = 0.5
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw values of cases of patients that are alike; return patient numbers, values, mean.

    `kind` is ``normal`` or ``lognormal``; `icc` is the share of the variance between patients.
    """
    patient = np.repeat(np.arange(len(sizes)), sizes)
    shared = rng.standard_normal(len(sizes))[patient]
    z = np.sqrt(icc) * shared + np.sqrt(1 - icc) * rng.standard_normal(len(patient))
    if kind == "normal":
        return patient, z, 0.0
    return patient, np.exp(0.5 * z), float(np.exp(0.125))
