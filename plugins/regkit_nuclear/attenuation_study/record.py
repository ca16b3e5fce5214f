"""A study as plain data: for the JSON record, and for tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regkit.registration.run import versions
from regkit.report.environment import environment
from regkit.report.record import to_plain_data
from regkit.version import installed_version
from regkit_nuclear.attenuation_study.comparison import ImageDifference, ReconstructedImage
from regkit_nuclear.attenuation_study.residual import COVERAGE
from regkit_nuclear.attenuation_study.study import AttenuationStudy
from regkit_ventricle.segments import SEGMENTS


def study_record(
    study: AttenuationStudy,
    inputs: dict[str, Any],
    files: dict[str, str],
    run_id: str,
    command: str = "",
) -> dict[str, Any]:
    """Return a study as plain data; its keys are a contract.

    Parameters
    ----------
    study
        The study.
    inputs
        Files that were read, by role.
    files
        Names of the written images, by the name of the reconstruction.
    run_id
        Digest of all that decides the result.
    command
        Command line; empty for a study from Python.
    """
    orbit, verdict = study.projections.orbit, study.heart.verdict
    record = {
        "regkit": installed_version(),
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": "attenuation",
        "reference": study.reference.name,
        "images": [_image_record(image, files[image.name]) for image in study.images],
        "differences": [_difference_record(d) for d in study.differences],
        "mu_map": _mu_record(study),
        "residual": _residual_record(study),
        "heart": {"method": study.heart.method, "centre_mm": study.heart.centre_mm},
        "verdict": {
            "status": verdict.status,
            "reasons": verdict.reasons,
            "measures": verdict.measures,
        },
        "notes": study.notes,
        "reconstruction": asdict(study.settings)
        | {
            "views": len(orbit.angles_deg),
            "radius_mm": orbit.radius_mm,
            "energy_kev": study.projections.energy.kev,
            "energy_source": study.projections.energy.source,
            "counts": float(study.projections.counts.sum(dtype=float)),
            "scatter_counts": float(study.projections.scatter.sum(dtype=float)),
        },
        "inputs": inputs,
        "run_id": run_id,
        "environment": environment(study.settings.device),
        "versions": versions(),
    }
    plain: dict[str, Any] = to_plain_data(record)
    return plain


def segment_rows(study: AttenuationStudy) -> Iterator[dict[str, Any]]:
    """Yield a row for each of the 17 segments, with the same columns as the table."""
    for index, segment in enumerate(SEGMENTS):
        row: dict[str, Any] = {
            "segment": segment.number,
            "name": segment.name,
            "territory": segment.territory,
        }
        for image in study.images:
            row[f"{image.name}_percent"] = image.polar.segments[index].mean_percent
        for difference in study.differences:
            name = f"{difference.image.name}_difference_pct"
            row[name] = float(difference.segments_pct[index])
        if study.residual is not None:
            row["residual_within_pct"] = float(study.residual.within_pct[index])
        yield row


def write_segment_table(study: AttenuationStudy, path: Path) -> None:
    """Write the 17 segments as CSV; unknown values are empty."""
    rows = list(segment_rows(study))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            plain = to_plain_data({key: _rounded(value) for key, value in row.items()})
            writer.writerow({key: "" if v is None else v for key, v in plain.items()})


def _image_record(image: ReconstructedImage, file: str) -> dict[str, Any]:
    return {
        "name": image.name,
        "title": image.title,
        "file": file,
        "maximum": image.polar.maximum,
        "segments_percent": [_rounded(value.mean_percent) for value in image.polar.segments],
    }


def _difference_record(difference: ImageDifference) -> dict[str, Any]:
    return {
        "image": difference.image.name,
        "nmse_pct": _rounded(difference.nmse_pct),
        "nmae_pct": _rounded(difference.nmae_pct),
        "segments_pct": [_rounded(value) for value in difference.segments_pct.tolist()],
    }


def _mu_record(study: AttenuationStudy) -> dict[str, Any] | None:
    if study.mu_errors_pct is None:
        return None
    nmse, nmae = study.mu_errors_pct
    return {"nmse_pct": _rounded(nmse), "nmae_pct": _rounded(nmae)}


def _residual_record(study: AttenuationStudy) -> dict[str, Any] | None:
    effect = study.residual
    if effect is None:
        return None
    return {
        "shift_mm": effect.misalignment.shift_mm,
        "rotation_deg": effect.misalignment.rotation_deg,
        "samples": effect.misalignment.samples,
        "seed": effect.misalignment.seed,
        "fraction": COVERAGE,
        "within_pct": [_rounded(value) for value in effect.within_pct.tolist()],
    }


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
