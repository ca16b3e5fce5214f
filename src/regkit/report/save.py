"""Write the output files of a registration, all of them or none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io import write_volume
from regkit.io.atomic_output import OutputStage
from regkit.io.resampled import write_resampled
from regkit.io.transforms import write_transform
from regkit.registration.run import RegistrationResult
from regkit.registration.saved import Saved
from regkit.report.record import Inputs, read_record, registration_record

if TYPE_CHECKING:
    from PIL import Image

    from regkit.report.dicom_output import DicomPair

# Not every registration writes these: files of an earlier run must not stay beside the new ones.
# Those without a suffix are folders of DICOM series.
OPTIONAL_ENDINGS = (
    ".tfm", ".h5", "_labels.nii.gz", "_labels.dcm", "_fixed_labels.nii.gz", "_fixed_labels.dcm",
    ".html", "_warped.nii.gz", "_moved.nii.gz", "_reg.dcm", "_dicom", "_moved_dicom",
)  # fmt: skip
ENDINGS = (
    ".json", ".png", *OPTIONAL_ENDINGS, "_dicom/0001.dcm", "_moved_dicom/0001.dcm",
)  # fmt: skip


def save_registration(
    result: RegistrationResult,
    prefix: str,
    stage: OutputStage,
    inputs: Inputs,
    *,
    report: bool = False,
    dtype: str = "",
    warped: bool = True,
    moved: bool = False,
    dicom: DicomPair | None = None,
    since: float | None = None,
) -> Saved:
    """Write a registration's files.

    Parameters
    ----------
    result
        The registration.
    prefix
        Beginning of the file names.
    stage
        Output folder; see `regkit.io.atomic_output`.
    inputs
        Sources of the pair.
    report
        Choice of PREFIX.html as a further file.
    dtype
        Type of the resampled image's voxels; see `regkit.io.write_volume`.
    warped
        Choice of the moving image resampled onto the fixed grid.
    moved
        Choice of the moving image in its own voxels with a changed place.
    dicom
        Headers of the images, for DICOM output too; None for none.
    since
        Time at which writing started, by `time.perf_counter`; the time of the call if None.
    """
    started = time.perf_counter() if since is None else since
    # Imported here, since drawing takes the longest to import and counts as writing time.
    from regkit.report.picture import picture, write_picture  # noqa: PLC0415

    linear = isinstance(result.transform, AffineTransform)
    transform_file = stage.path(f"{prefix}.tfm" if linear else f"{prefix}.h5")
    write_transform(result.transform, transform_file)
    _write_images(result, prefix, stage, dtype=dtype, warped=warped, moved=moved)
    if dicom is not None:
        _write_dicom(result, prefix, stage, dicom, warped=warped, moved=moved)
    drawn = picture(result)
    write_picture(drawn, stage.path(f"{prefix}.png"))
    saved_s = time.perf_counter() - started
    told = replace(inputs, folder=stage.target), saved_s, sorted(stage.hidden.glob("*.nii.gz"))
    record = registration_record(result, transform_file, *told)
    stage.path(f"{prefix}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if report:
        _write_page(result, record, drawn, stage.path(f"{prefix}.html"))
    discard_earlier(stage, prefix, OPTIONAL_ENDINGS, inputs.run_id)
    files = sorted(path.name for path in stage.hidden.iterdir())
    return Saved(record, tuple(stage.target / name for name in files))


def discard_earlier(stage: OutputStage, prefix: str, endings: Iterable[str], run_id: str) -> None:
    """Remove files of another run that this one does not write; those of the same run may stay.

    Of a folder only the DICOM images that regkit derived are removed.

    Parameters
    ----------
    stage, prefix
        Output folder, and beginning of the file names.
    endings
        Endings of the names of the files, and, without a suffix, of folders of DICOM series.
    run_id
        Digest of this run.
    """
    if run_id and read_record(stage.target / f"{prefix}.json").get("run_id") == run_id:
        return
    for ending in endings:
        if "." in ending:
            stage.discard_stale(f"{prefix}{ending}")
        elif (stage.target / f"{prefix}{ending}").is_dir():
            from regkit.report.dicom_output import discard_series  # noqa: PLC0415 - loads pydicom

            discard_series(f"{prefix}{ending}", stage)


def _write_images(
    result: RegistrationResult,
    prefix: str,
    stage: OutputStage,
    *,
    dtype: str,
    warped: bool,
    moved: bool,
) -> None:
    if warped:
        write_resampled(
            *(result.pair.moving, result.pair.fixed.grid, result.transform),
            stage.path(f"{prefix}_warped.nii.gz"),
            outside=result.fill_value,
            dtype=dtype,
        )
    if moved:
        from regkit.io.dicom_moved import moved_volume, require_rigid  # noqa: PLC0415 - pydicom

        volume = moved_volume(result.pair.moving, require_rigid(result.transform))
        write_volume(volume, stage.path(f"{prefix}_moved.nii.gz"))
    for name, labels in _labels(result).items():
        write_volume(labels, stage.path(f"{prefix}_{name}.nii.gz"))


def _write_dicom(
    result: RegistrationResult,
    prefix: str,
    stage: OutputStage,
    pair: DicomPair,
    *,
    warped: bool,
    moved: bool,
) -> None:
    from regkit.report.dicom_output import save_dicom  # noqa: PLC0415 - loads pydicom

    save_dicom(result, prefix, stage, pair, warped=warped, moved=moved)
    sources = {"labels": pair.moving, "fixed_labels": pair.fixed}
    for name, labels in _labels(result).items():
        if labels.labels:
            from regkit.io.segmentation_writer import write_seg  # noqa: PLC0415 - loads pydicom

            write_seg(labels, stage.path(f"{prefix}_{name}.dcm"), sources[name])


def _labels(result: RegistrationResult) -> dict[str, LabelMap]:
    """Return the labels that a method has found, on the grids of their images, by file name."""
    found, pair = result.estimate, result.pair
    return {
        name: labels_on_image_grid(labels, image)
        for name, labels, image in (
            ("labels", found.labels, pair.moving),
            ("fixed_labels", found.fixed_labels, pair.fixed),
        )
        if labels is not None
    }


def labels_on_image_grid(labels: LabelMap, image: Volume) -> LabelMap:
    """Return labels on the grid of an image; unchanged where they are on it already."""
    return labels if labels.grid.matches(image.grid) else resample(labels, image.grid)


def _write_page(
    result: RegistrationResult, record: dict[str, Any], drawn: Image.Image, path: Path
) -> None:
    from regkit.report.page import write_page  # noqa: PLC0415
    from regkit.report.picture import unregistered  # noqa: PLC0415
    from regkit.report.viewer import scene  # noqa: PLC0415

    pair = result.shown
    viewer_scene = scene(pair.fixed, pair.moving, unregistered(pair), result.transform)
    write_page(record, drawn, path, viewer_scene)
