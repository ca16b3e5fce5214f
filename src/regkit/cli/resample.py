"""``regkit resample``: resample a moving image onto the grid of a fixed one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import DType, Force, FromFormat, MovingImage

FixedGrid = Annotated[
    Path, typer.Option("--onto", "-f", metavar="FIXED", help="Image that defines the output grid.")
]
TransformOption = Annotated[
    Path,
    typer.Option(
        "--transform",
        "-t",
        metavar="FILE",
        help="Transform file: maps points of FIXED to points of MOVING.",
    ),
]
OutputImage = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The image file to write.")
]
IsLabelMap = Annotated[
    bool,
    typer.Option("--labels", help="MOVING is a label map: use nearest-neighbor interpolation."),
]
Inverse = Annotated[
    bool,
    typer.Option(
        "--inverse", help="Invert the transform first: it maps points of MOVING to FIXED."
    ),
]
FillValue = Annotated[
    float,
    typer.Option(
        "--outside",
        metavar="VALUE",
        help="Fill value outside the field of view of MOVING, in its intensity unit.",
    ),
]


@chooses_images(fixed="onto", moving="moving")
def resample_command(
    moving: MovingImage,
    onto: FixedGrid,
    transform: TransformOption,
    output: OutputImage,
    labels: IsLabelMap = False,
    inverse: Inverse = False,
    outside: FillValue = 0.0,
    dtype: DType = "",
    from_format: FromFormat = None,
    force: Force = False,
    *,
    selections: Selections,
) -> None:
    """Resample MOVING onto the grid of FIXED through a saved transform.

    The transform maps points of FIXED to points of MOVING, as `regkit register FIXED MOVING`
    writes it. Interpolation is linear. An existing output is kept, unless the new one is the same
    or --force is given.
    """
    from regkit.geometry.resampling import resample
    from regkit.geometry.round_trip import round_trip
    from regkit.io import atomic_output, write_volume
    from regkit.io.image_header import ImageFile
    from regkit.io.images import check_writable, read_selected_labels, read_selected_volume
    from regkit.io.transforms import read_transform

    check_writable(output, dtype)
    read = read_selected_labels if labels else read_selected_volume
    volume = read(moving, selections["moving"])
    grid = read_selected_volume(onto, selections["fixed"]).grid
    # The file of a transform to invert belongs to the images in exchanged roles.
    images = (ImageFile(onto, selections["fixed"]), ImageFile(moving, selections["moving"]))
    fixed, other = reversed(images) if inverse else images
    through = read_transform(transform, format=from_format, fixed=fixed, moving=other)
    forward = through
    through = forward.inverse() if inverse else forward
    resampled = resample(volume, grid, through, outside)
    with atomic_output(output.parent, (moving, onto, transform), force) as stage:
        write_volume(resampled, stage.path(output.name), dtype)
    if inverse and (error := round_trip(forward, through)):
        typer.echo(error.summary)
    typer.echo(f"{output}: {moving} resampled onto the grid of {onto}, through {transform}")
