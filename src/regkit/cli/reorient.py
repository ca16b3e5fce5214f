"""``regkit reorient``: reorient an image to the standard frame of an organ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.completion import complete_frames, complete_from, complete_methods
from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import (
    IMAGES,
    METHOD,
    MODALITIES,
    OUTPUT,
    AsJson,
    Device,
    Force,
    MovingImage,
    OutputPrefix,
    ParametersFile,
    Report,
    Seed,
    SetOption,
    Threads,
)
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.reorientation import DEFAULT_PREFIX, ReorientRequest, reorient_file
from regkit.cli.result_output import run_request

SegmentationMethod = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--method",
        autocompletion=complete_methods,
        rich_help_panel=METHOD,
        help="Method that finds labels. Default: the one that the frame names, see "
        "`regkit show FRAME`.",
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=METHOD,
        help="Segmentation to use instead of a method; `regkit show FRAME` lists its labels.",
    ),
]
FrameOption = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="FRAME",
        autocompletion=complete_frames,
        rich_help_panel=METHOD,
        help="Standard frame; `regkit plugins` lists them. Default: the only installed frame.",
    ),
]
ReorientedDicom = Annotated[
    bool,
    typer.Option(
        "--dicom",
        rich_help_panel=OUTPUT,
        help="Also write the reoriented images as derived DICOM series, in the coordinates of the "
        "patient; MOVING must be DICOM.",
    ),
]
Modality = Annotated[
    str,
    typer.Option(
        autocompletion=complete_from(MODALITIES),
        rich_help_panel=IMAGES,
        help="Modality of the image. Default: that of the file, or a guess from the values, which "
        "is told; `regkit show FRAME` lists those that the frame is made for.",
    ),
]


@chooses_images(moving="moving")
def reorient_command(
    moving: MovingImage,
    frame: FrameOption = None,
    method: SegmentationMethod = None,
    labels: LabelsFile = None,
    assignments: SetOption = None,
    parameters: ParametersFile = None,
    modality: Modality = "",
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 0,
    output: OutputPrefix = DEFAULT_PREFIX,
    force: Force = False,
    report: Report = False,
    dicom: ReorientedDicom = False,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Reorient an organ in MOVING to its standard frame, and measure it.

    Writes the transform, the reoriented images and labels, a picture and the measurements;
    `regkit show FRAME` names the files. Files of another run are kept, unless --force
    is given. Exit code 3: done, but the verdict is FAIL.
    """
    request = ReorientRequest(
        moving=moving,
        output=output,
        frame=frame,
        method=method,
        labels=labels,
        modality=modality,
        selection=selections["moving"],
        settings=MethodSettings(assignments or (), parameters, device, seed, threads),
        force=force,
        report=report,
        dicom=dicom,
    )
    run_request(reorient_file, request, as_json)
