"""``regkit resample``: resample a moving image onto the grid of a fixed one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import ROI_VALUES, DType, Force, FromFormat, MovingImage
from regkit.cli.progress import status_spinner
from regkit.cli.requests.series_output import series_sources, write_resampled_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regkit.geometry.volume import LabelMap, Volume
    from regkit.io.atomic_output import OutputStage
    from regkit.io.image_header import ImageFile
    from regkit.io.selection import ImageSelection

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
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The image file to write; with --labels, a name in .dcm makes a DICOM SEG.",
    ),
]
IsLabelMap = Annotated[
    bool,
    typer.Option(
        "--labels",
        help="MOVING is a label map, or a DICOM RTSTRUCT or SEG: use nearest-neighbor "
        "interpolation.",
    ),
]
DrawnOn = Annotated[
    Path | None,
    typer.Option(
        "--drawn-on",
        metavar="IMAGE",
        help="Image that the labels of MOVING belong to: the contours of an RTSTRUCT become "
        "voxels on its grid.",
    ),
]
Regions = Annotated[
    str,
    typer.Option(
        "--roi", metavar=ROI_VALUES, help="Labels to resample, by number or words of the name."
    ),
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
OutputFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="dicom",
        help="dicom: write a derived series of the study of MOVING into the folder OUTPUT; both "
        "images must be DICOM. Default: a file, its format by its suffix.",
    ),
]


@chooses_images(fixed="onto", moving="moving")
def resample_command(
    moving: MovingImage,
    onto: FixedGrid,
    transform: TransformOption,
    output: OutputImage,
    labels: IsLabelMap = False,
    drawn_on: DrawnOn = None,
    roi: Regions = "all",
    inverse: Inverse = False,
    outside: FillValue = 0.0,
    dtype: DType = "",
    output_format: OutputFormat = "",
    from_format: FromFormat = None,
    force: Force = False,
    *,
    selections: Selections,
) -> None:
    """Resample MOVING onto the grid of FIXED through a saved transform.

    The transform maps points of FIXED to points of MOVING, as `regkit register FIXED MOVING`
    writes it. Interpolation is linear. An existing output is kept, unless the new one is the same
    or --force is given. A DICOM SEG takes patient, study and frame of reference from FIXED, which
    must be DICOM then.
    """
    from regkit.geometry.resampling import resample
    from regkit.geometry.round_trip import round_trip
    from regkit.io import atomic_output
    from regkit.io.image_header import ImageFile
    from regkit.io.images import read_selected_volume
    from regkit.io.transforms import read_transform

    _check_regions(labels, roi, drawn_on)
    dicom = None
    if output_format:
        _check_series(labels, dtype)
        dicom = series_sources(onto, moving, selections, output_format)
    else:
        _check_output(output, dtype, labels)
    read = _read_labels if labels else _read_image
    with status_spinner("reading"):
        volume = read(moving, selections["moving"], roi, drawn_on)
        grid = read_selected_volume(onto, selections["fixed"]).grid
    # The file of a transform to invert belongs to the images in exchanged roles.
    drawn = ImageFile(drawn_on) if drawn_on else ImageFile(moving, selections["moving"])
    images = (ImageFile(onto, selections["fixed"]), drawn)
    fixed, other = reversed(images) if inverse else images
    forward = read_transform(transform, format=from_format, fixed=fixed, moving=other)
    through = forward.inverse() if inverse else forward
    with status_spinner("resampling and writing"):
        resampled = resample(volume, grid, through, outside)
        if dicom is not None:
            write_resampled_series(resampled, output, dicom, transform, force)
        else:
            with atomic_output(output.parent, (moving, onto, transform), force) as stage:
                _write(resampled, stage, output, dtype, images[0])
    if inverse and (error := round_trip(forward, through)):
        echo(error.summary)
    done = f"{moving} resampled onto the grid of {onto}, through {transform}"
    echo(f"{output}: {done}{_names(resampled)}")


def _check_regions(labels: bool, roi: str, drawn_on: Path | None) -> None:
    if not labels and (drawn_on or roi != "all"):
        raise typer.BadParameter("--drawn-on and --roi concern labels; give --labels, too")


def _check_series(labels: bool, dtype: str) -> None:
    """Refuse what does not go with a derived series."""
    from regkit.errors import ParameterError

    if labels:
        raise ParameterError(
            "--format dicom writes images; for labels as a DICOM SEG, give a name in .dcm"
        )
    if dtype:
        raise ParameterError("--dtype does not go with --format dicom, which stores 16 bits")


def _check_output(output: Path, dtype: str, labels: bool) -> None:
    from regkit.errors import ParameterError
    from regkit.io.images import check_writable

    if not (labels and _is_dicom_name(output)):
        check_writable(output, dtype)
    elif dtype:
        raise ParameterError("--dtype does not go with a DICOM SEG, which has a bit per voxel")


def _is_dicom_name(output: Path) -> bool:
    return output.suffix.lower() == ".dcm"


def _read_image(moving: Path, selection: ImageSelection, *_: object) -> Volume:
    from regkit.io.images import read_selected_volume

    return read_selected_volume(moving, selection)


def _read_labels(
    moving: Path, selection: ImageSelection, roi: str, drawn_on: Path | None
) -> LabelMap:
    from regkit.io import LabeledImage
    from regkit.io.image_header import read_image_header
    from regkit.io.labels import read_selected_labels

    image = None
    if drawn_on is not None:
        image = LabeledImage(read_image_header(drawn_on).grid, drawn_on)
    return read_selected_labels(moving, selection, roi, image)


def _write(volume: Volume, stage: OutputStage, output: Path, dtype: str, onto: ImageFile) -> None:
    from regkit.geometry.volume import LabelMap
    from regkit.io import write_volume

    staged = stage.path(output.name)
    if isinstance(volume, LabelMap) and _is_dicom_name(output):
        from regkit.io.dicom_source import read_dicom_source
        from regkit.io.segmentation_writer import is_same_seg, write_seg

        write_seg(volume, staged, read_dicom_source(onto.path, onto.selection))
        stage.replace = stage.replace or is_same_seg(staged, output)
    else:
        write_volume(volume, staged, dtype)


def _names(volume: Volume) -> str:
    """Return the names of labels, which most formats cannot hold, as the end of a line."""
    names: Mapping[int, str] = getattr(volume, "names", {})
    listed = ", ".join(f"{number} {name}" for number, name in names.items())
    return f"; labels: {listed}" if listed else ""
