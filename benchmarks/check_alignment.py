"""Attenuation maps with known shifts: misaligned ones told, aligned ones passed, shifts right.

    python benchmarks/check_alignment.py --seed 1123 -n 10
    python benchmarks/check_alignment.py --table

Simulated SPECT/CT of the test split (spect-ct). Of each patient, the check (`regkit
check-alignment` with its defaults) sees the attenuation map four times, each rendered where it is,
without interpolation: aligned; one voxel (6.8 mm) off along an axis of the patient; one voxel off
in a random direction; and 1 to 5 voxels off in a random direction. With --breathing, the CT shows
another phase of breathing, and aligned means that the hearts match. With --ct, it is a CT in HU.

Lines go to benchmarks/results/check_alignment.jsonl, the table beside it. The measures of the
method `consensus` and the limits of the check were chosen with other patients (seed 901).
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from records import append, markdown, read, write_table
from regkit import AffineTransform, LabelMap, Pair, Volume
from regkit.alignment.check import ALIGNMENT_METHOD, SURE, run_alignment_check
from regkit.alignment.heart import find_ventricle
from regkit.registration.pipeline import build_method
from regkit_nuclear.cohorts.spect_ct import SpectCt
from regkit_nuclear.cohorts.subject import AxialCoverage
from regkit_nuclear.phantoms.thorax.anatomy import hounsfield

OUTPUT = Path(__file__).parent / "results" / "check_alignment.jsonl"
VOXEL_MM = 6.8
WHOLE = AxialCoverage(1.0, 0.0)
MOTIONS = {
    "aligned": "aligned",
    "axis": "one voxel along an axis",
    "oblique": "one voxel, any direction",
    "larger": "1 to 5 voxels, any direction",
}
COLUMNS = (
    "attenuation map",
    "cases",
    "told (CHECK or FAIL)",
    "FAIL",
    "shift right within half a voxel",
    "error, mm: median (largest)",
    "expected error, mm: median",
    f"error within {SURE:g} times the expected one",
)


def shifts(seed: int, patient: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the shifts of a patient's attenuation map, LPS mm."""
    rng = np.random.default_rng([seed, patient])
    axis, sign = divmod(patient % 6, 2)
    yield "aligned", np.zeros(3)
    yield "axis", np.eye(3)[axis] * VOXEL_MM * (1 - 2 * sign)
    for name, voxels in (("oblique", 1.0), ("larger", rng.uniform(1, 5))):
        direction = rng.normal(size=3)
        yield name, direction / np.linalg.norm(direction) * voxels * VOXEL_MM


def checked(emission: Volume, mu: Volume, heart: LabelMap, method: str) -> dict[str, Any]:
    """Check an attenuation map; return what was found."""
    started = time.perf_counter()
    check = run_alignment_check(build_method(method), Pair(emission, mu), method, labels=heart)
    seconds = round(time.perf_counter() - started, 2)
    more = {"distance_mm": round(check.distance_mm, 2), "seconds": seconds}
    found = {**check.results, **more, "eti_corrected_pct": check.eti_corrected_pct}
    return {key: value for key, value in found.items() if key not in ("words", "reasons")}


def measure(
    seed: int, first: int, patients: int, *, breathing: bool, ct: bool, method: str
) -> None:
    """Check the attenuation maps of patients; those that were checked before are left out."""
    cohort = SpectCt(
        *(first + patients, seed, "test"),
        motions=1,
        amount=0,
        respiration=breathing,
        corrected=False,
        projections=False,
    )
    known = {(r["seed"], r["patient"], *_kind(r)) for r in read(OUTPUT)}
    for patient in range(first, first + patients):
        case = {"seed": seed, "patient": patient, "breathing": breathing, "ct": ct}
        case["method"] = method
        if (seed, patient, *_kind(case)) in known:
            continue
        emission = cohort.case(patient).pair.fixed
        subject = cohort.settings.subject(cohort.patient_seed(patient))
        heart = find_ventricle(emission)
        lines = []
        for motion, shift in shifts(seed, patient):
            mu, _ = subject.transmission(emission.grid, AffineTransform.shift(shift), WHOLE)
            image = Volume(hounsfield(mu.array), mu.grid, "ct") if ct else mu
            found = checked(emission, image, heart, method)
            lines.append({**case, "motion": motion, "true_mm": (-shift).tolist(), **found})
            error = np.linalg.norm(np.add(found["shift_mm"], shift))
            print(f"{seed} {patient} {motion}: {found['status']}, {error:.1f} mm", flush=True)
        for line in lines:  # a patient is there as a whole, or not
            append(OUTPUT, line)


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown, cohort by cohort."""
    rows = []
    for key in dict.fromkeys((r["seed"], *_kind(r)) for r in found):
        of_key = [r for r in found if (r["seed"], *_kind(r)) == key]
        seed, method, breathing, ct = key
        name = f"`{method}`, seed {seed}" + (", CT in HU" if ct else "")
        name += ", another phase of breathing" if breathing else ""
        rows += [_row(f"{name}: {MOTIONS[m]}", of_key, (m,)) for m in MOTIONS]
        rows.append(_row(f"{name}: all that are off", of_key, tuple(MOTIONS)[1:]))
    return markdown(COLUMNS, rows)


def _kind(record: dict[str, Any]) -> tuple[str, bool, bool]:
    """Return the method, and whether the CT breathes and is in HU."""
    return record["method"], record["breathing"], record.get("ct", False)


def _row(name: str, found: list[dict[str, Any]], motions: tuple[str, ...]) -> tuple[object, ...]:
    mine = [r for r in found if r["motion"] in motions]
    errors = np.array([np.linalg.norm(np.subtract(r["shift_mm"], r["true_mm"])) for r in mine])
    expected = np.array([r["expected_error_mm"] for r in mine], dtype=float)
    return (
        name,
        len(mine),
        _share(np.array([r["status"] != "OK" for r in mine])),
        _share(np.array([r["status"] == "FAIL" for r in mine])),
        _share(errors <= VOXEL_MM / 2),
        f"{np.median(errors):.1f} ({errors.max():.1f})",
        f"{np.nanmedian(expected):.1f}",
        _share(errors <= SURE * expected),
    )


def _share(hits: np.ndarray) -> str:
    return f"{hits.sum()} of {hits.size}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--patients", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1123)
    parser.add_argument("-m", "--method", default=ALIGNMENT_METHOD)
    parser.add_argument("--breathing", action="store_true")
    parser.add_argument("--ct", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if not options.table:
        measure(
            *(options.seed, options.first, options.patients),
            breathing=options.breathing,
            ct=options.ct,
            method=options.method,
        )
    write_table(OUTPUT, table(read(OUTPUT)))


if __name__ == "__main__":
    main()
