"""`regkit resample`: put a moving image on the grid of a fixed one through a saved transform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def resample_command(
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="The image to resample.")],
    onto: Annotated[
        Path, typer.Option("--onto", "-f", metavar="FIXED", help="The image whose grid to use.")
    ],
    transform: Annotated[
        Path,
        typer.Option("--transform", "-t", metavar="T", help="Maps points of FIXED to MOVING."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The image to write.")
    ],
    labels: Annotated[
        bool, typer.Option("--labels", help="MOVING is a label map: nearest neighbour.")
    ] = False,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="T maps points of MOVING to FIXED: invert it first.")
    ] = False,
    outside: Annotated[
        float, typer.Option("--outside", metavar="V", help="Value where MOVING has none.")
    ] = 0.0,
    from_format: Annotated[
        str | None,
        typer.Option("--from", metavar="FMT", help="Format of T: itk, ants, lta, fsl, ras, json."),
    ] = None,
) -> None:
    """Resample MOVING onto the grid of FIXED through a saved transform.

    T maps points of FIXED to points of MOVING, as `regkit register FIXED MOVING` writes it.
    """
    from regkit.geometry.resampling import resample as put_on_grid
    from regkit.io import read_labels, read_volume, write_volume
    from regkit.io.transforms import read_transform

    volume = read_labels(moving) if labels else read_volume(moving)
    grid = read_volume(onto).grid
    # With --inverse the file speaks of the images the other way round.
    fixed, other = (volume.grid, grid) if inverse else (grid, volume.grid)
    through = read_transform(transform, format=from_format, fixed=fixed, moving=other)
    through = through.inverse() if inverse else through
    write_volume(put_on_grid(volume, grid, through, outside), output)
    typer.echo(f"{output}: {moving} on the grid of {onto}, through {transform}")
