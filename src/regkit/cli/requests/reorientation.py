"""Reorientation of an image file to the standard frame of an organ: read, reorient, write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from regkit.cli.context import current_registry
from regkit.cli.context import settings as cli_settings
from regkit.cli.progress import status_spinner
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.io.dicom_source import DicomSource
    from regkit.io.selection import ImageSelection
    from regkit.plugin import FrameSpec
    from regkit.registrar import Registrar
    from regkit.registration.saved import Saved
    from regkit.report.reorientation import StandardFrame

DEFAULT_PREFIX = "reorientation"


@dataclass(frozen=True)
class ReorientRequest:
    """One reorientation of an image file.

    Parameters
    ----------
    moving
        Image file or folder of DICOM slices.
    output
        Prefix of the output files, or a folder for them.
    frame
        Name of the standard frame; None for the only one that plugins offer.
    method
        Expression of method names; None for the method that the frame's plugin names.
    labels
        Segmentation file to use instead of a method.
    modality
        Modality; empty for that of the file.
    selection
        Choice in an image of several series or volumes; None for the only one.
    settings
        Parameters, device, seed and threads of the methods.
    force
        True to replace files of another run.
    dicom
        True to write the reoriented images as DICOM too.
    report
        True to write the HTML page.
    """

    moving: Path
    output: str = DEFAULT_PREFIX
    frame: str | None = None
    method: str | None = None
    labels: Path | None = None
    modality: str = ""
    selection: ImageSelection | None = None
    settings: MethodSettings = field(default_factory=MethodSettings)
    force: bool = False
    dicom: bool = False
    report: bool = False


def reorient_file(request: ReorientRequest) -> Saved:
    """Read the image, reorient it, measure the organ and write the result.

    Returns
    -------
    Saved
        The record of the reorientation, and the files written.
    """
    started = time.perf_counter()
    from regkit.io.atomic_output import atomic_output
    from regkit.io.images import read_selected_volume
    from regkit.io.selection import ONLY_IMAGE
    from regkit.registration.modalities import with_modality
    from regkit.registration.run import run
    from regkit.report.record import Inputs
    from regkit.report.reorientation import named_frame, pair_in_frame

    registered = named_frame(request.frame, current_registry())
    frame: StandardFrame = registered.load()()
    name, registrar = _named_method(request, registered.spec, frame)
    prefix = output_prefix(request.output, DEFAULT_PREFIX)
    identity = run_id(request, registrar)
    selection = request.selection or ONLY_IMAGE
    dicom = _dicom_source(request.moving, selection) if request.dicom else None
    files = (request.moving, request.labels, *(dicom.files if dicom else ()))
    replace = may_replace(prefix, identity, request.force, files)
    with atomic_output(prefix.parent, files, replace) as stage:
        with status_spinner("reading"):
            moving = read_selected_volume(request.moving, selection, request.modality)
            moving = with_modality(moving, "moving")
        load_s = time.perf_counter() - started
        with status_spinner(f"reorienting with {name}"):
            result = run(registrar, pair_in_frame(moving, frame), name, judged_by=frame)
        with status_spinner("measuring and writing"):
            inputs = Inputs(
                moving=request.moving,
                load_s=load_s,
                init="centre",
                run_id=identity,
                selections={"moving": selection},
                **cli_settings.told,
            )
            return frame.save(result, prefix.name, stage, inputs, dicom, report=request.report)


def _dicom_source(image: Path, selection: ImageSelection) -> DicomSource:
    from regkit.io.dicom_source import read_dicom_source

    return read_dicom_source(image, selection)


def _named_method(
    request: ReorientRequest, spec: FrameSpec, frame: StandardFrame
) -> tuple[str, Registrar]:
    """Return the method's name for the record, and the method."""
    from regkit.errors import ParameterError
    from regkit.io import LabeledImage, read_labels
    from regkit.io.formats import is_dicom
    from regkit.io.image_header import read_image_header
    from regkit.io.selection import ONLY_IMAGE
    from regkit.registration.pipeline import build_method

    settings, labels = request.settings, request.labels
    parameters = settings.parameters
    if labels is None:
        name = request.method or spec.method
        return name, build_method(name, parameters, current_registry(), settings.defaults)
    if request.method is not None:
        raise ParameterError("--labels and --method exclude each other; give one of them")
    image = None
    if labels.exists() and is_dicom(labels):  # contours need the grid of the image
        grid = read_image_header(request.moving, request.selection or ONLY_IMAGE).grid
        image = LabeledImage(grid, request.moving)
    return f"labels of {labels.name}", frame.from_segmentation(read_labels(labels, image=image))
