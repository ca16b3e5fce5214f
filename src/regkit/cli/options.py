"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.completion import complete_from, complete_initializers, complete_methods

# Panels in which `--help` groups the options of the long commands.
IMAGES = "Images"
METHOD = "Method"
COMPUTATION = "Computation"
SELECTION = "Choice of an image in DICOM folders and files"
OUTPUT = "Output"

DEVICE_VALUES = "auto|cpu|cuda|cuda:N"
DTYPE_VALUES = "uint8, int16, uint16, int32, float32"
SPLIT_VALUES = "train|validation|test"
ROI_VALUES = "NUMBER|WORDS|all"
MODALITIES = "ct|mu|spect|pet|mr|us"
TRANSFORM_FORMATS = "itk, ants, lta, fsl, ras, json, dicom, elastix, warp"

FixedImage = Annotated[
    Path, typer.Argument(metavar="FIXED", help="Fixed image: a file or a folder of DICOM slices.")
]
MovingImage = Annotated[
    Path,
    typer.Argument(metavar="MOVING", help="Moving image: a file or a folder of DICOM slices."),
]
ROI_HELP = "Region that counts, by number or words of its name; commas between several. Of the"
# Help of the options that `regkit.cli.image_selection` adds to commands.
SERIES_HELP = (
    "Series of a folder that holds several: its number in the table that is printed without this "
    "option, its SeriesInstanceUID, or words of its description."
)
FRAME_HELP = (
    "Number, from 1, of the volume of a series or file that holds several (gates, time points, "
    "echoes); without this option they are listed."
)
WINDOW_HELP = "Number, from 1, of the energy window of a nuclear-medicine image."
OutputPrefix = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="PREFIX",
        rich_help_panel=OUTPUT,
        help="Prefix of the output files, or a folder for them. The suffix of an image or "
        "transform is dropped: x.nii.gz writes x.json and so on.",
    ),
]
OutputFolder = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="FOLDER", rich_help_panel=OUTPUT, help="The output folder."
    ),
]
DType = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="TYPE",
        autocompletion=complete_from(DTYPE_VALUES),
        rich_help_panel=OUTPUT,
        help=f"Type of the voxels of the resampled image: {DTYPE_VALUES}. Whole numbers are "
        "rounded to the nearest; values that TYPE cannot hold are clipped, with a warning. "
        "Default: the integer type of MOVING if its file has one (the next larger if a fill value "
        "needs it), else float32.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace files of another run. Without it, only a re-run of the same command "
        "replaces files. Inputs are never replaced.",
    ),
]
Report = Annotated[
    bool, typer.Option("--report", rich_help_panel=OUTPUT, help="Also write the page PREFIX.html.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="[METHOD.]KEY=VALUE",
        rich_help_panel=METHOD,
        help="Set a parameter of a method; repeatable. `regkit show METHOD` lists them.",
    ),
]
ParametersFile = Annotated[
    Path | None,
    typer.Option(
        "--parameters",
        metavar="FILE.toml",
        rich_help_panel=METHOD,
        help="Read parameters from a TOML file; --set overrides them.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar=DEVICE_VALUES,
        autocompletion=complete_from("auto|cpu|cuda"),
        rich_help_panel=COMPUTATION,
        help="Device of the computation; a GPU that the method cannot use is refused.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        rich_help_panel=COMPUTATION,
        help="Seed of the random numbers; the same seed gives the same result.",
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        min=0,
        rich_help_panel=COMPUTATION,
        help="Number of CPU threads; 0 keeps the default of each method.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(min=1, rich_help_panel=COMPUTATION, help="Number of processes in parallel."),
]
DatasetSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a parameter of the dataset; repeatable. `regkit show DATASET` lists them.",
    ),
]
Margins = Annotated[
    list[str] | None,
    typer.Option(
        "--margin",
        metavar="SCORE=VALUE",
        rich_help_panel=OUTPUT,
        help="Equivalence margin of a score, in the unit of the score, such as dt_mm=3.4; "
        "repeatable. Default: the margins of the last summary.",
    ),
]
FromFormat = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FORMAT",
        autocompletion=complete_from(TRANSFORM_FORMATS),
        help=f"Format of the transform file: {TRANSFORM_FORMATS}. Default: by content.",
    ),
]
MethodOption = Annotated[
    str,
    typer.Option(
        "-m",
        "--method",
        autocompletion=complete_methods,
        rich_help_panel=METHOD,
        help="Method. a+b runs b from the result of a; a,b runs b if the verdict on a is not OK. "
        "`regkit methods` lists all.",
    ),
]
Initializer = Annotated[
    str | None,
    typer.Option(
        metavar="auto|identity|centre|METHOD|FILE",
        autocompletion=complete_initializers,
        rich_help_panel=METHOD,
        help="Initial transform: identity (trust the headers), centre (align the fields of view), "
        "the result of a method, or a transform file. Default: auto, "
        "identity unless centre or an initializer of a plugin is clearly better.",
    ),
]
InitFormat = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FORMAT",
        autocompletion=complete_from(TRANSFORM_FORMATS),
        rich_help_panel=METHOD,
        help=f"Format of the transform file of --init: {TRANSFORM_FORMATS}. Default: by content.",
    ),
]
FixedMask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=IMAGES,
        help="Mask of the fixed image: non-zero voxels are used. A label map, or a DICOM RTSTRUCT "
        "or SEG.",
    ),
]
MovingMask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=IMAGES,
        help="Mask of the moving image: non-zero voxels are used. A label map, or a DICOM "
        "RTSTRUCT or SEG.",
    ),
]
FixedRegion = Annotated[
    str,
    typer.Option(
        "--fixed-roi", metavar=ROI_VALUES, rich_help_panel=IMAGES, help=f"{ROI_HELP} fixed mask."
    ),
]
MovingRegion = Annotated[
    str,
    typer.Option(
        "--moving-roi", metavar=ROI_VALUES, rich_help_panel=IMAGES, help=f"{ROI_HELP} moving mask."
    ),
]
FixedModality = Annotated[
    str,
    typer.Option(
        metavar=MODALITIES,
        autocompletion=complete_from(MODALITIES),
        rich_help_panel=IMAGES,
        help="Modality of the fixed image (mu: attenuation map). Default: that of the file, or a "
        "guess from the values, which is told.",
    ),
]
MovingModality = Annotated[
    str,
    typer.Option(
        metavar=MODALITIES,
        autocompletion=complete_from(MODALITIES),
        rich_help_panel=IMAGES,
        help="Modality of the moving image (mu: attenuation map). Default: that of the file, or a "
        "guess from the values, which is told.",
    ),
]
CalibrationCard = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Card of `regkit calibrate` (error_model.json, or its folder) by which the verdict "
        "estimates the error. Default: the one that comes with regkit.",
    ),
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        metavar="NAME",
        autocompletion=complete_methods,
        rich_help_panel=OUTPUT,
        help="Register with this method as well, and let the verdict compare the results. "
        "Repeatable; an independent search is always compared.",
    ),
]
