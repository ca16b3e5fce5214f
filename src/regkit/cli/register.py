"""``regkit register``: register a moving image file to a fixed one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import (
    OUTPUT,
    AsJson,
    CalibrationCard,
    Device,
    DType,
    FixedImage,
    FixedMask,
    FixedModality,
    FixedRegion,
    Force,
    InitFormat,
    Initializer,
    MethodOption,
    MovingImage,
    MovingMask,
    MovingModality,
    MovingRegion,
    OutputPrefix,
    ParametersFile,
    Report,
    Seed,
    SetOption,
    Threads,
    Witnesses,
)
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.registration import (
    DEFAULT_METHOD,
    DEFAULT_PREFIX,
    RegisterRequest,
    register_files,
)
from regkit.cli.result_output import run_request

CheckInverse = Annotated[
    bool,
    typer.Option(
        "--check-inverse",
        rich_help_panel=OUTPUT,
        help="Measure inverse consistency: also register FIXED to MOVING, and compare.",
    ),
]
NoVerdict = Annotated[
    bool,
    typer.Option(
        "--no-verdict",
        rich_help_panel=OUTPUT,
        help="Leave out the verdict, which saves its time; the status is then CHECK.",
    ),
]
NoWarped = Annotated[
    bool,
    typer.Option(
        "--no-warped",
        rich_help_panel=OUTPUT,
        help="Leave out the resampled image: PREFIX_warped.nii.gz, and PREFIX_dicom/.",
    ),
]
Moved = Annotated[
    bool,
    typer.Option(
        "--moved",
        rich_help_panel=OUTPUT,
        help="Also write PREFIX_moved.nii.gz: MOVING in its own voxels, moved to FIXED by its "
        "header, without interpolation; with --dicom PREFIX_moved_dicom/ too, its pixel data "
        "untouched. Rigid methods only.",
    ),
]
Dicom = Annotated[
    bool,
    typer.Option(
        "--dicom",
        rich_help_panel=OUTPUT,
        help="Also write PREFIX_dicom/ (MOVING on the grid of FIXED as a derived series of its "
        "study, in the frame of reference of FIXED) and PREFIX_reg.dcm (a Spatial Registration). "
        "Both images must be DICOM.",
    ),
]
PointsFile = Annotated[
    Path | None,
    typer.Option(
        "--points",
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Also tell the expected error at points of FIXED: landmarks (CSV or TSV in LPS or "
        "RAS, 3D Slicer's .fcsv or .mrk.json), or a label map, of which each label counts where "
        "the error is largest.",
    ),
]


@chooses_images(fixed="fixed", moving="moving")
def register_command(
    fixed: FixedImage,
    moving: MovingImage,
    method: MethodOption = DEFAULT_METHOD,
    assignments: SetOption = None,
    parameters: ParametersFile = None,
    init: Initializer = None,
    init_format: InitFormat = None,
    fixed_mask: FixedMask = None,
    moving_mask: MovingMask = None,
    fixed_roi: FixedRegion = "",
    moving_roi: MovingRegion = "",
    fixed_modality: FixedModality = "",
    moving_modality: MovingModality = "",
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 0,
    output: OutputPrefix = DEFAULT_PREFIX,
    check_inverse: CheckInverse = False,
    witness: Witnesses = None,
    points: PointsFile = None,
    calibration: CalibrationCard = None,
    report: Report = False,
    dtype: DType = "",
    force: Force = False,
    no_warped: NoWarped = False,
    no_verdict: NoVerdict = False,
    moved: Moved = False,
    dicom: Dicom = False,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Register MOVING to FIXED, and assess whether the result can be trusted.

    Writes PREFIX.tfm (maps points of FIXED to points of MOVING, LPS mm; PREFIX.h5 if deformable),
    PREFIX_warped.nii.gz (MOVING on the grid of FIXED), PREFIX.json (the record), PREFIX.png, and
    PREFIX_labels.nii.gz if the method segments. Exit code 3: done, but the verdict is FAIL.
    """
    settings = MethodSettings(assignments or (), parameters, device, seed, threads)
    request = RegisterRequest(
        *(fixed, moving, output, method, settings, init, init_format),
        *(fixed_mask, moving_mask, fixed_roi, moving_roi),
        fixed_modality=fixed_modality,
        moving_modality=moving_modality,
        check_inverse=check_inverse,
        report=report,
        dtype=dtype,
        force=force,
        selections=selections,
        warped=not no_warped,
        moved=moved,
        dicom=dicom,
        witnesses=tuple(witness or ()),
        judge=not no_verdict,
        points=points,
        calibration=calibration,
    )
    run_request(register_files, request, as_json)
