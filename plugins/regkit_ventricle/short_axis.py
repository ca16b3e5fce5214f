"""The short axis as a standard frame: what ``regkit reorient`` asks of it."""

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
from regkit.registrar import Registrar
from regkit.registration.run import RegistrationResult
from regkit.report.record import Inputs, registration_record
from regkit.report.save import Saved, labels_on_image_grid
from regkit_ventricle.segmentation_input import ReorientationFromSegmentation
from regkit_ventricle.template import average_ventricle
from regkit_ventricle.views import SHORT_AXIS, VIEWS

if TYPE_CHECKING:
    from regkit_ventricle.reorientation import Reorientation

# Of the cubes of slices: side, and the finest and coarsest voxels, mm.
SIDE_MM, FINEST_MM, COARSEST_MM = 192.0, 1.5, 4.0


class ShortAxis:
    """The left ventricle's frame: x to the lateral wall, y to the inferior wall, z to the base.

    A reorientation in it is written as the transform (short-axis to image points), slices in
    three ways, labels in both frames, a picture, a record and a table of the 17 segments. Slices
    lie in the short-axis frame, not on the patient: their LPS mm are lateral, inferior and base.
    """

    def fixed(self, moving: Volume) -> Volume:
        """Return an average left ventricle in short-axis planes as fine as the moving image."""
        spacing = min(max(min(moving.grid.spacing), FINEST_MM), COARSEST_MM)
        return average_ventricle(SIDE_MM, spacing, moving.modality)

    def from_segmentation(self, labels: LabelMap) -> Registrar:
        """Return a method that lays the short axis across the long axis of labels."""
        return ReorientationFromSegmentation(labels)

    def save(
        self, result: RegistrationResult, prefix: str, stage: OutputStage, inputs: Inputs
    ) -> Saved:
        """Write a reorientation; see `regkit.report.reorientation.StandardFrame`."""
        started = time.perf_counter()
        # Drawing is slow to import, and part of the time that writing takes.
        from regkit_ventricle.picture import ventricle_picture  # noqa: PLC0415
        from regkit_ventricle.record import (  # noqa: PLC0415
            facts,
            ventricle_record,
            verdict_record,
            write_segments,
        )

        shown = measure_reorientation(result)
        linear = isinstance(result.transform, AffineTransform)
        transform_file = stage.path(f"{prefix}.tfm" if linear else f"{prefix}.h5")
        write_transform(result.transform, transform_file)
        _write_slices(shown, result.pair.fixed, prefix, stage)
        ventricle_picture(shown, result.method).save(stage.path(f"{prefix}.png"), dpi=(200, 200))
        write_segments(shown.polar, stage.path(f"{prefix}_segments.csv"))
        saved_s = time.perf_counter() - started
        record = registration_record(result, transform_file.name, inputs, saved_s) | {
            "verdict": verdict_record(shown),
            "facts": facts(shown),
            "ventricle": ventricle_record(shown),
        }
        text = json.dumps(record, indent=2) + "\n"
        stage.path(f"{prefix}.json").write_text(text, encoding="utf-8")
        for ending in (".tfm", ".h5"):
            stage.discard_stale(f"{prefix}{ending}")
        files = sorted(path.name for path in stage.hidden.iterdir())
        return Saved(record, tuple(stage.target / name for name in files))


def measure_reorientation(result: RegistrationResult) -> Reorientation:
    """Measure the ventricle that a registration to the short axis found.

    Raises
    ------
    RegistrationError
        The method found no labels, or labels that show no left ventricle.
    """
    from regkit_ventricle.reorientation import reorientation  # noqa: PLC0415

    estimate = result.estimate
    if estimate.labels is None:
        raise RegistrationError(
            f"{result.method} finds no labels of the left ventricle, which the short axis is "
            "measured by; use a method that does, such as ms-st-unet, or give --labels"
        )
    warnings = [str(words) for words in estimate.diagnostics.get("warnings", ())]
    try:
        return reorientation(result.pair.moving, estimate.labels, estimate.transform, warnings)
    except RegistrationError as error:
        raise RegistrationError(f"{result.method}: {error}") from error


def _write_slices(shown: Reorientation, fixed: Volume, prefix: str, stage: OutputStage) -> None:
    """Write the image in three stacks of slices, and the labels in both frames."""
    spacing = fixed.grid.spacing[0]
    for view in VIEWS:
        grid = view.grid(SIDE_MM, spacing)
        slices = resample(shown.image, grid, shown.transform)
        write_volume(slices, stage.path(f"{prefix}_{view.key}.nii.gz"))
        if view is SHORT_AXIS:
            turned = resample(shown.labels, grid, shown.transform)
            write_volume(turned, stage.path(f"{prefix}_sa_labels.nii.gz"))
    write_volume(
        labels_on_image_grid(shown.labels, shown.image), stage.path(f"{prefix}_labels.nii.gz")
    )
