"""``regkit transform``: describe, convert, invert and compose saved transforms."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.colors import echo, styled
from regkit.cli.command import add_command
from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import TRANSFORM_FORMATS, AsJson, Force, FromFormat

if TYPE_CHECKING:
    from regkit.geometry.transform import Transform
    from regkit.io.image_header import ImageHeader
    from regkit.io.selection import ImageSelection

app = typer.Typer(
    name="transform",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Describe, convert, invert and compose saved transforms.",
)

TransformFile = Annotated[Path, typer.Argument(metavar="T", help="Transform file.")]
OutFile = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        help="The transform file to write. A file of other contents that "
        "exists is kept, unless --force is given.",
    ),
]
FirstTransform = Annotated[
    Path,
    typer.Argument(metavar="A", help="Transform from the fixed image to an intermediate one."),
]
SecondTransform = Annotated[
    Path,
    typer.Argument(metavar="B", help="Transform from the intermediate image to the moving one."),
]
FixedFile = Annotated[
    Path | None,
    typer.Option(
        "--fixed", metavar="FILE", help="Fixed image; FSL and voxel matrices need its header."
    ),
]
MiddleFile = Annotated[
    Path | None,
    typer.Option(
        "--middle", metavar="FILE", help="Intermediate image; FSL matrices need its header."
    ),
]
MovingFile = Annotated[
    Path | None,
    typer.Option(
        "--moving", metavar="FILE", help="Moving image; FSL and voxel matrices need its header."
    ),
]
FormatOrFrom = Annotated[
    str | None,
    typer.Option(
        "--format",
        "--from",
        metavar="FORMAT",
        help=f"Format of the transform file: {TRANSFORM_FORMATS}. Default: by content.",
    ),
]
FromFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="FORMAT",
        help=f"Format of A and B: {TRANSFORM_FORMATS}; twice if they differ. Default: by content.",
    ),
]
ToFormat = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help=f"Format of OUT: {TRANSFORM_FORMATS}. Default: by suffix.",
    ),
]


@add_command(app, "show")
@chooses_images(fixed="fixed", moving="moving")
def show_transform(
    transform: TransformFile,
    fixed: FixedFile = None,
    moving: MovingFile = None,
    from_format: FormatOrFrom = None,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Describe a transform: direction, motion in mm and degrees, matrices in every convention.

    Beside its record (PREFIX.json) it also says if they do not belong together. With the images it
    adds the motion about the center of the fixed image, the displacement within its field of view,
    and the matrices that depend on the images (FSL, voxel).
    """
    from regkit.io.transforms import load_transform
    from regkit.report.description import describe
    from regkit.report.record_match import mismatches

    images = _header(fixed, selections["fixed"]), _header(moving, selections["moving"])
    found = load_transform(transform, format=from_format, fixed=images[0], moving=images[1])
    description, changed = describe(found.transform, *images), mismatches(transform)
    if as_json:
        file = {"file": str(transform), "format": found.format, "assumption": found.assumption}
        echo(json.dumps({**file, "mismatches": changed, **description.as_data()}, indent=2))
        return
    from rich.console import Console
    from rich.text import Text

    from regkit.errors import printable
    from regkit.report.transform_text import explain_description

    console = Console(soft_wrap=True, highlight=False)
    console.print(Text(printable(str(transform)), style="bold"), end="\n\n")
    console.print(explain_description(description), end="")
    for sentence in changed:
        echo(styled(sentence, fg="yellow"))


@add_command(app, "convert")
@chooses_images(fixed="fixed", moving="moving")
def convert_transform(
    transform: TransformFile,
    out: OutFile,
    from_format: FromFormat = None,
    to_format: ToFormat = None,
    fixed: FixedFile = None,
    moving: MovingFile = None,
    force: Force = False,
    *,
    selections: Selections,
) -> None:
    """Write a transform in another format."""
    from regkit.io.transforms import load_transform

    inputs = _inputs(out, transform, fixed, moving)
    files = {"fixed": fixed, "moving": moving}
    images = {role: _header(image, selections[role]) for role, image in files.items()}
    found = load_transform(transform, format=from_format, **images)
    how = {"format": to_format, "named": found.named, **images}
    _write(found.transform, out, inputs, force, **how)
    echo(f"{out}: maps fixed points to moving points, as {transform} does")


@add_command(app, "invert")
@chooses_images(fixed="fixed", moving="moving")
def invert_transform(
    transform: TransformFile,
    out: OutFile,
    from_format: FromFormat = None,
    to_format: ToFormat = None,
    fixed: FixedFile = None,
    moving: MovingFile = None,
    force: Force = False,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Write the inverse of a transform: OUT maps points of the moving image to the fixed image.

    The moving image of T is the fixed image of OUT. The inverse of a displacement field is an
    approximation: the distance of points from themselves after T and OUT is measured, in mm.
    """
    from regkit.geometry.round_trip import round_trip
    from regkit.io.transforms import load_transform

    inputs = _inputs(out, transform, fixed, moving)
    images = _header(fixed, selections["fixed"]), _header(moving, selections["moving"])
    found = load_transform(transform, format=from_format, fixed=images[0], moving=images[1])
    how: dict[str, Any] = {"format": to_format, "fixed": images[1], "moving": images[0]}
    how["named"] = found.named.swapped()
    inverse = found.transform.inverse()
    error = round_trip(found.transform, inverse)
    how["remark"] = "" if error is None else error.summary
    _write(inverse, out, inputs, force, **how)
    if as_json:
        from regkit.report.record import to_plain_data

        measured = None if error is None else to_plain_data(asdict(error))
        echo(json.dumps({"file": str(out), "round_trip": measured}, indent=2))
        return
    echo(f"{out}: maps moving points of {transform} back to its fixed points")
    if error is not None:
        echo(error.summary)


@add_command(app, "compose")
@chooses_images(fixed="fixed", middle="middle", moving="moving")
def compose_transforms(
    first: FirstTransform,
    second: SecondTransform,
    out: OutFile,
    from_format: FromFormats = None,
    to_format: ToFormat = None,
    fixed: FixedFile = None,
    moving: MovingFile = None,
    middle: MiddleFile = None,
    force: Force = False,
    *,
    selections: Selections,
) -> None:
    """Compose two transforms into one: OUT(x) = B(A(x)).

    A maps points of the fixed image to an intermediate image, and B maps those to the moving
    image. FSL matrices need all three images.
    """
    from regkit.errors import ParameterError
    from regkit.io.transforms import load_transform
    from regkit.io.transforms.format import NamedImages

    inputs = _inputs(out, first, second, fixed, middle, moving)
    formats: list[str | None] = [*from_format] if from_format else [None]
    if len(formats) > 2:
        raise ParameterError(f"--from names at most 2 formats, got {len(formats)}")
    files = {"fixed": fixed, "middle": middle, "moving": moving}
    images = [_header(image, selections[role]) for role, image in files.items()]
    a = load_transform(first, format=formats[0], fixed=images[0], moving=images[1])
    b = load_transform(second, format=formats[-1], fixed=images[1], moving=images[2])
    how: dict[str, Any] = {"format": to_format, "fixed": images[0], "moving": images[2]}
    how["named"] = NamedImages(a.named.fixed, b.named.moving)
    _write(b.transform @ a.transform, out, inputs, force, **how)
    echo(f"{out}: maps x to B(A(x)): first A = {first}, then B = {second}")


def _inputs(out: Path, *files: Path | None) -> list[Path]:
    """Return the files that were given; refuse one of them as the output."""
    from regkit.io.atomic_output import refuse_input

    given = [file for file in files if file is not None]
    refuse_input(out, given)
    return given


def _write(
    transform: Transform, out: Path, inputs: Iterable[Path], force: bool, **how: Any
) -> None:
    """Write a transform; a file with other contents is replaced by force only."""
    from regkit.cli.requests.rerun import same_transform
    from regkit.io import atomic_output
    from regkit.io.transforms import write_transform

    with atomic_output(out.parent, inputs, force) as stage:
        new = stage.path(out.name)
        write_transform(transform, new, **how)
        stage.replace = force or same_transform(new, out)


def _header(image: Path | None, selection: ImageSelection) -> ImageHeader | None:
    from regkit.io.image_header import read_image_header

    return None if image is None else read_image_header(image, selection)
