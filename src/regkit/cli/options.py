"""Arguments and options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Panels in which `--help` groups the options of the long commands.
IMAGES = "Images"
METHOD = "Method"
COMPUTATION = "Computation"
OUTPUT = "Output"

DEVICE_VALUES = "auto|cpu|cuda|cuda:N"
SPLIT_VALUES = "train|validation|test"
TRANSFORM_FORMATS = "itk, ants, lta, fsl, ras, json, dicom"

FixedImage = Annotated[
    Path, typer.Argument(metavar="FIXED", help="Fixed image: a file or a folder of DICOM slices.")
]
MovingImage = Annotated[
    Path,
    typer.Argument(metavar="MOVING", help="Moving image: a file or a folder of DICOM slices."),
]
OutputPrefix = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="PREFIX",
        rich_help_panel=OUTPUT,
        help="Prefix of the output files, or a folder for them.",
    ),
]
OutputFolder = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="FOLDER", rich_help_panel=OUTPUT, help="The output folder."
    ),
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
        rich_help_panel=COMPUTATION,
        help="Device for methods that can use a GPU.",
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
        help=f"Format of the transform file: {TRANSFORM_FORMATS}. Default: by content.",
    ),
]
