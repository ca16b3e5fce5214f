"""The short axis as the standard frame of the left ventricle, for ``regkit reorient``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from regkit.errors import RegistrationError
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io import write_volume
from regkit.io.atomic_output import OutputStage
from regkit.io.transforms import write_transform
from regkit.registrar import Estimate, Judgement, Pair, Registrar
from regkit.registration.run import RegistrationResult
from regkit.registration.saved import Saved
from regkit.report.record import Inputs, registration_record
from regkit.report.save import discard_earlier, labels_on_image_grid
from regkit_ventricle.segmentation_input import ReorientationFromSegmentation
from regkit_ventricle.template import average_ventricle
from regkit_ventricle.views import SHORT_AXIS, VIEWS

if TYPE_CHECKING:
    from regkit.io.dicom_source import DicomSource
    from regkit_ventricle.reorientation import Reorientation

# Side of the cubes of slices and limits of their voxel size, mm; chosen by hand: the side holds
# every ventricle with its surroundings.
SIDE_MM, MIN_SPACING_MM, MAX_SPACING_MM = 192.0, 1.5, 4.0


class ShortAxis:
    """The left ventricle's frame: x to the lateral wall, y to the inferior wall, z to the base.

    A reorientation is written as the transform (short-axis to image points), slices in three
    views, labels in both frames, a picture, a record and a table of the 17 segments. The slices
    are in the coordinates of the short-axis frame, not of the patient: x, y, z mm are lateral,
    inferior and base.
    """

    def fixed(self, moving: Volume) -> Volume:
        """Return an average left ventricle in short-axis planes, voxels as in the moving image."""
        spacing = min(max(min(moving.grid.spacing), MIN_SPACING_MM), MAX_SPACING_MM)
        return average_ventricle(SIDE_MM, spacing, moving.modality)

    def from_segmentation(self, labels: LabelMap) -> Registrar:
        """Return a method that aligns the short axis to the long axis of the labels."""
        return ReorientationFromSegmentation(labels)

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Judge an estimate by the ventricle in its labels; see `regkit_ventricle.judge`."""
        from regkit_ventricle.judge import judge_short_axis  # noqa: PLC0415 - loads scipy

        return judge_short_axis(pair, estimate)

    def save(
        self,
        result: RegistrationResult,
        prefix: str,
        stage: OutputStage,
        inputs: Inputs,
        dicom: DicomSource | None = None,
        *,
        report: bool = False,
    ) -> Saved:
        """Write a reorientation; see `regkit.report.reorientation.StandardFrame`."""
        started = time.perf_counter()
        # Imported here because drawing is slow to import; the time counts as writing.
        from regkit_ventricle.picture import ventricle_picture  # noqa: PLC0415
        from regkit_ventricle.record import (  # noqa: PLC0415
            summary_sentences,
            ventricle_record,
            write_segments,
        )

        reoriented = measure_reorientation(result)
        linear = isinstance(result.transform, AffineTransform)
        transform_file = stage.path(f"{prefix}.tfm" if linear else f"{prefix}.h5")
        write_transform(result.transform, transform_file)
        _write_slices(reoriented, result.pair.fixed, prefix, stage)
        if dicom is not None:
            _write_series(reoriented, result.pair.fixed, prefix, stage, dicom)
        drawn = ventricle_picture(reoriented, result.verdict, result.method)
        drawn.save(stage.path(f"{prefix}.png"), dpi=(200, 200))
        write_segments(reoriented.polar, stage.path(f"{prefix}_segments.csv"))
        saved_s = time.perf_counter() - started
        record = registration_record(result, transform_file, inputs, saved_s) | {
            "facts": summary_sentences(reoriented),
            "ventricle": ventricle_record(reoriented),
        }
        text = json.dumps(record, indent=2) + "\n"
        stage.path(f"{prefix}.json").write_text(text, encoding="utf-8")
        if report:
            from regkit.report.page import write_page  # noqa: PLC0415 - loads templates
            from regkit_ventricle.judged_measures import JUDGED_MEASURES  # noqa: PLC0415

            page = stage.path(f"{prefix}.html")
            write_page(record, drawn, page, measures=JUDGED_MEASURES)
        series = [f"_{view.key}_dicom" for view in VIEWS]
        discard_earlier(stage, prefix, (".tfm", ".h5", ".html", *series), inputs.run_id)
        files = sorted(path.name for path in stage.hidden.iterdir())
        return Saved(record, tuple(stage.target / name for name in files))


def measure_reorientation(result: RegistrationResult) -> Reorientation:
    """Measure the ventricle in the result of a registration to the short axis.

    Raises
    ------
    RegistrationError
        The method gave no labels, or labels without a left ventricle.
    """
    from regkit_ventricle.reorientation import measure_ventricle  # noqa: PLC0415

    estimate = result.estimate
    if estimate.labels is None:
        raise RegistrationError(
            f"{result.method} gave no labels of the left ventricle, from which the short axis is "
            "measured; use a method that segments, such as ms-st-unet, or give --labels"
        )
    try:
        return measure_ventricle(result.pair.moving, estimate.labels, estimate.transform)
    except RegistrationError as error:
        raise RegistrationError(f"{result.method}: {error}") from error


def _write_series(
    reoriented: Reorientation, fixed: Volume, prefix: str, stage: OutputStage, dicom: DicomSource
) -> None:
    """Write the image in three stacks of slices as derived DICOM series."""
    from regkit_ventricle.dicom_slices import write_dicom_slices  # noqa: PLC0415 - loads pydicom

    write_dicom_slices(
        *(reoriented, prefix, stage, dicom), side_mm=SIDE_MM, spacing_mm=fixed.grid.spacing[0]
    )


def _write_slices(
    reoriented: Reorientation, fixed: Volume, prefix: str, stage: OutputStage
) -> None:
    """Write the image in three stacks of slices, and the labels in both frames."""
    spacing = fixed.grid.spacing[0]
    for view in VIEWS:
        grid = view.grid(SIDE_MM, spacing)
        slices = resample(reoriented.image, grid, reoriented.transform)
        write_volume(slices, stage.path(f"{prefix}_{view.key}.nii.gz"))
        if view is SHORT_AXIS:
            turned = resample(reoriented.labels, grid, reoriented.transform)
            write_volume(turned, stage.path(f"{prefix}_sa_labels.nii.gz"))
    write_volume(
        labels_on_image_grid(reoriented.labels, reoriented.image),
        stage.path(f"{prefix}_labels.nii.gz"),
    )
