"""Write an alignment check: its record, its picture, and, to correct, a registration's files."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from regkit.alignment.check import AlignmentCheck
from regkit.io.atomic_output import OutputStage
from regkit.registration.saved import Saved
from regkit.report.record import Inputs, registration_record, to_plain_data
from regkit.report.save import OPTIONAL_ENDINGS, discard_earlier, save_registration

if TYPE_CHECKING:
    from regkit.report.dicom_output import DicomPair

HEART_PICTURE = "_heart.png"


def save_alignment(
    check: AlignmentCheck,
    prefix: str,
    stage: OutputStage,
    inputs: Inputs,
    *,
    fix: bool = False,
    dicom: DicomPair | None = None,
) -> Saved:
    """Write PREFIX.json and PREFIX_heart.png, and the corrected transmission image if asked for.

    Parameters
    ----------
    check
        The check.
    prefix
        Beginning of the file names.
    stage
        Output folder; see `regkit.io.atomic_output`.
    inputs
        Sources of the pair.
    fix
        Choice of all files of a registration, too; see `regkit.report.save.save_registration`.
    dicom
        Headers of the images, for DICOM output with `fix`; None for none.

    Returns
    -------
    Saved
        The record, and the files written.
    """
    started = time.perf_counter()
    from regkit.report.alignment_picture import alignment_picture  # noqa: PLC0415 - slow import
    from regkit.report.picture import write_picture  # noqa: PLC0415

    if fix:
        record = save_registration(check.result, prefix, stage, inputs, dicom=dicom).record
    else:
        record = registration_record(check.result, "", inputs, 0.0)
        discard_earlier(stage, prefix, (".png", *OPTIONAL_ENDINGS), inputs.run_id)
    write_picture(alignment_picture(check), stage.path(f"{prefix}{HEART_PICTURE}"))
    record["timing_s"]["save"] = round(time.perf_counter() - started, 4)
    record = alignment_record(check) | record
    text = json.dumps(record, indent=2) + "\n"
    stage.path(f"{prefix}.json").write_text(text, encoding="utf-8")
    files = sorted(path.name for path in stage.hidden.iterdir())
    return Saved(record, tuple(stage.target / name for name in files))


def alignment_record(check: AlignmentCheck) -> dict[str, Any]:
    """Return a check as plain data; the first keys are those of `AlignmentCheck.results`."""
    heart, transmission = check.myocardium, check.transmission
    return {
        **check.results,
        "distance_mm": round(check.distance_mm, 3),
        "limit_mm": check.limit_mm,
        "voxel_mm": list(check.voxel_mm),
        "eti_corrected_pct": to_plain_data(check.eti_corrected_pct),
        "eti_shifted_pct": to_plain_data(check.eti_shifted_pct),
        "heart_mm": None if heart is None else list(heart.centre),
        "heart_source": "" if heart is None else heart.source,
        "energy_kev": transmission.energy and transmission.energy.kev,
        "tissue_per_cm": round(transmission.tissue_per_cm, 4),
    }
