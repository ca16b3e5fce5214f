"""`regkit transform`: explain, convert, invert and compose saved transforms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regkit.geometry.grid import Grid

app = typer.Typer(
    name="transform",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Explain, convert, invert and compose transforms.",
)

NAMES = "itk, ants, lta, fsl, ras, json"
TransformFile = Annotated[Path, typer.Argument(metavar="T", help="A transform file.")]
OutFile = Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")]
Fixed = Annotated[Path | None, typer.Option("--fixed", help="The fixed image.")]
Moving = Annotated[Path | None, typer.Option("--moving", help="The moving image.")]
From = Annotated[
    str | None, typer.Option("--from", metavar="FMT", help=f"Format to read: {NAMES}.")
]
To = Annotated[str | None, typer.Option("--to", metavar="FMT", help=f"Format to write: {NAMES}.")]


@app.command("show")
def show_transform(
    transform: TransformFile,
    fixed: Fixed = None,
    moving: Moving = None,
    from_format: Annotated[
        str | None,
        typer.Option("--format", "--from", metavar="FMT", help=f"Format to read: {NAMES}."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Explain a transform: what it maps to what, how far, which way, in every convention.

    Give the images to have the motion told about the centre of the fixed one, the displacement
    in its field of view, and the matrices that need them (FSL, voxel).
    """
    from regkit.io.transforms import read_transform
    from regkit.report.description import describe

    grids = _grid(fixed), _grid(moving)
    found = read_transform(transform, format=from_format, fixed=grids[0], moving=grids[1])
    description = describe(found, *grids)
    if json:
        from json import dumps

        typer.echo(dumps({"file": str(transform), **description.as_data()}, indent=2))
        return
    from rich.console import Console
    from rich.text import Text

    from regkit.report.transform_text import explain_description

    console = Console(soft_wrap=True, highlight=False)
    console.print(Text(str(transform), style="bold"), end="\n\n")
    console.print(explain_description(description), end="")


@app.command("convert")
def convert_transform(
    transform: TransformFile,
    out: OutFile,
    from_format: From = None,
    to_format: To = None,
    fixed: Fixed = None,
    moving: Moving = None,
) -> None:
    """Write a transform in another format; the suffix of OUT chooses it unless --to does."""
    from regkit.io.transforms import read_transform, write_transform

    grids = {"fixed": _grid(fixed), "moving": _grid(moving)}
    found = read_transform(transform, format=from_format, **grids)
    write_transform(found, out, format=to_format, **grids)
    typer.echo(f"{out}: maps fixed points to moving points, as {transform} does")


@app.command("invert")
def invert_transform(
    transform: TransformFile,
    out: OutFile,
    from_format: From = None,
    to_format: To = None,
    fixed: Fixed = None,
    moving: Moving = None,
) -> None:
    """Write the inverse of a transform: it maps moving points to fixed points.

    In OUT the images have changed places: what was the moving image of T is its fixed image.
    """
    from regkit.io.transforms import read_transform, write_transform

    grids = _grid(fixed), _grid(moving)
    found = read_transform(transform, format=from_format, fixed=grids[0], moving=grids[1])
    write_transform(found.inverse(), out, format=to_format, fixed=grids[1], moving=grids[0])
    typer.echo(f"{out}: maps moving points of {transform} back to its fixed points")


@app.command("compose")
def compose_transforms(
    first: Annotated[Path, typer.Argument(metavar="A", help="Maps fixed to middle points.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Maps middle to moving points.")],
    out: OutFile,
    to_format: To = None,
    fixed: Fixed = None,
    moving: Moving = None,
    middle: Annotated[
        Path | None, typer.Option("--middle", help="The image that A maps to and B maps from.")
    ] = None,
) -> None:
    """Write B after A as one transform: OUT(x) = B(A(x)).

    A maps first, points of the fixed image to points of a middle image; then B maps those to
    points of the moving image. FSL matrices need all three images.
    """
    from regkit.io.transforms import read_transform, write_transform

    grids = _grid(fixed), _grid(middle), _grid(moving)
    a = read_transform(first, fixed=grids[0], moving=grids[1])
    b = read_transform(second, fixed=grids[1], moving=grids[2])
    write_transform(b @ a, out, format=to_format, fixed=grids[0], moving=grids[2])
    typer.echo(f"{out}: maps x to B(A(x)): first A = {first}, then B = {second}")


def _grid(image: Path | None) -> Grid | None:
    from regkit.io import read_volume

    return None if image is None else read_volume(image).grid
