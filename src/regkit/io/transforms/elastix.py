"""Read elastix's linear TransformParameters.N.txt: fixed to moving points, LPS mm."""

from __future__ import annotations

import re
from pathlib import Path

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.transform import Transform
from regkit.io.transforms.format import ImagePair, TransformFormat
from regkit.io.transforms.matrix_text import read_text

# elastix's transforms that are ITK's, with the same parameters in the same order (the elastix
# manual, "Transform parameters"); the first four rotate about CenterOfRotationPoint.
_ITK_TYPES: dict[str, tuple[str, tuple[int, ...]]] = {  # names and arguments in SimpleITK
    "EulerTransform": ("Euler3DTransform", ()),
    "SimilarityTransform": ("Similarity3DTransform", ()),
    "AffineTransform": ("AffineTransform", (3,)),
    "TranslationTransform": ("TranslationTransform", (3,)),
}
_LINE = re.compile(r"^\s*\(\s*(\w+)\s+(.*?)\)\s*(?://.*)?$", re.MULTILINE)
# Initial transforms that may refer to each other; more than anyone chains, so a file that refers
# to itself ends. Chosen by hand.
_MAX_DEPTH = 20


def read_elastix(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read a linear transform, with the initial transform that its file names."""
    return _read(path, _MAX_DEPTH)


def _read(path: Path, depth: int) -> Transform:
    values = _parse(read_text(path))
    _check_space(values)
    transform = _linear(values)
    initial = _word(values, "InitialTransformParametersFileName") or _word(
        values, "InitialTransformParameterFileName"
    )
    if initial in ("", "NoInitialTransform"):
        return transform
    if _word(values, "HowToCombineTransforms") == "Add":
        raise TransformError("it adds to its initial transform; regkit reads 'Compose' only")
    before = path.parent / Path(initial.replace("\\", "/")).name
    if depth == 0:
        raise FileFormatError("its initial transforms refer to each other without end")
    if not before.is_file():
        raise FileFormatError(f"its initial transform {before.name} is missing beside it")
    return transform @ _read(before, depth - 1)


def _parse(text: str) -> dict[str, str]:
    values = dict(_LINE.findall(text))
    if "Transform" not in values:
        raise FileFormatError('it has no line (Transform "..."): is it truncated?')
    return values


def _word(values: dict[str, str], key: str) -> str:
    return values.get(key, "").strip().strip('"')


def _numbers(values: dict[str, str], key: str) -> list[float]:
    try:
        numbers = [float(word) for word in values[key].split()]
    except KeyError as error:
        raise FileFormatError(f"it has no line ({key} ...): is it truncated?") from error
    except ValueError as error:
        raise FileFormatError(f"{key} needs numbers: {error}") from error
    if any(number - number != 0 for number in numbers):
        raise FileFormatError(f"{key} holds NaN or infinity")
    return numbers


def _check_space(values: dict[str, str]) -> None:
    """Refuse images of other than three dimensions, and coordinates without directions."""
    for key in ("FixedImageDimension", "MovingImageDimension"):
        if _word(values, key) not in ("", "3"):
            raise TransformError(f"the transform must be 3-D, got {key} {_word(values, key)}")
    if _word(values, "UseDirectionCosines").lower() == "false":
        raise TransformError(
            "elastix ignored the directions of the images (UseDirectionCosines false): its points "
            "are not in patient space; run elastix again with true"
        )


def _linear(values: dict[str, str]) -> Transform:
    import SimpleITK as sitk  # noqa: PLC0415 - slow to load, seldom needed

    from regkit.geometry.sitk_bridge import transform_from_sitk  # noqa: PLC0415 - it loads it

    kind = _word(values, "Transform")
    if kind not in _ITK_TYPES:
        known = ", ".join(_ITK_TYPES)
        raise TransformError(
            f"it is an elastix {kind}; regkit reads {known}: let transformix write its "
            "displacement field (-def all) and give that image with --from warp"
        )
    name, dimensions = _ITK_TYPES[kind]
    transform = getattr(sitk, name)(*dimensions)
    parameters, expected = _numbers(values, "TransformParameters"), transform.GetParameters()
    if len(parameters) != len(expected):
        raise FileFormatError(
            f"an {kind} needs {len(expected)} parameters, the file gives {len(parameters)}: "
            "is it truncated?"
        )
    if kind != "TranslationTransform":
        transform.SetCenter(_center(values))
    if kind == "EulerTransform":
        transform.SetComputeZYX(_word(values, "ComputeZYX").lower() == "true")
    transform.SetParameters(parameters)
    return transform_from_sitk(transform)


def _center(values: dict[str, str]) -> list[float]:
    center = _numbers(values, "CenterOfRotationPoint")
    if len(center) != 3:
        raise FileFormatError(f"CenterOfRotationPoint needs 3 numbers, got {len(center)}")
    return center


def _recognizes(path: Path, start: bytes) -> bool:  # noqa: ARG001
    text = start.decode("ascii", errors="replace")
    return "Transform" in dict(_LINE.findall(text))


ELASTIX = TransformFormat(
    name="elastix",
    title="elastix: TransformParameters.N.txt of linear transforms; read only",
    suffixes=(),
    recognizes=_recognizes,
    read=read_elastix,
    write=None,
)
