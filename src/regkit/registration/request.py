"""A registration as it was asked for: images, method and options, from files or from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from regkit.errors import ParameterError
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.image_header import ImageFile, ImageSource
from regkit.io.labeled_image import LabeledImage
from regkit.io.library_images import as_mask, as_volume
from regkit.io.named_points import read_named_points
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.transforms import load_transform
from regkit.registrar import Pair
from regkit.registration.calibration_card import Calibration
from regkit.registration.error_model import ErrorModel
from regkit.registration.initialization import (
    choose_start,
    default_initializer,
    initial_transform,
    initializer_names,
    is_initializer,
)
from regkit.registration.point_error import NamedPoints
from regkit.registry import DEFAULT_METHOD, default_registry, suggest


@dataclass(frozen=True, eq=False)
class RegistrationRequest:
    """All that decides the result of a registration.

    Parameters
    ----------
    fixed, moving
        Images, or their files or folders.
    method
        Expression of method names; see `regkit.registration.pipeline.build_method`.
    parameters
        Parameters that are set, of every method or as ``name.key`` of one.
    seed, device, threads
        Values for the methods that have such a parameter; 0 threads for their default.
    init
        Initializer or transform file; None for the default of the method.
    init_format
        Format of the transform file of `init`; None to decide by its content.
    initial
        Initial fixed-to-moving map in LPS mm, instead of `init`.
    fixed_mask, moving_mask
        Masks or their files; None for no mask.
    fixed_roi, moving_roi
        Regions of the mask files that count; see `regkit.io.read_mask`.
    fixed_modality, moving_modality
        Modalities; empty for those of the images, or a guess.
    check_inverse
        Choice of a registration in exchanged roles, to compare with.
    selections
        Choice in each image of several series or volumes, by role: fixed, moving.
    witnesses
        Methods whose results the verdict compares with.
    judge
        False to leave out the verdict.
    points
        Points of the fixed image whose expected error is told, or their file; None for none.
    calibration
        Card of the verdict; None for the one that comes with regkit.
    """

    fixed: Path | Volume
    moving: Path | Volume
    method: str = DEFAULT_METHOD
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    init: str | None = None
    init_format: str | None = None
    initial: Transform | None = None
    fixed_mask: Path | LabelMap | None = None
    moving_mask: Path | LabelMap | None = None
    fixed_roi: str = ""
    moving_roi: str = ""
    fixed_modality: str = ""
    moving_modality: str = ""
    check_inverse: bool = False
    selections: Mapping[str, ImageSelection] = field(default_factory=dict)
    witnesses: tuple[str, ...] = ()
    judge: bool = True
    points: Path | NamedPoints | None = None
    calibration: Calibration = None

    def __post_init__(self) -> None:
        """Refuse regions of a mask that is not given."""
        for role in ("fixed", "moving"):
            if getattr(self, f"{role}_roi") and getattr(self, f"{role}_mask") is None:
                raise ParameterError(f"--{role}-roi chooses in a mask; give --{role}-mask, too")

    @property
    def defaults(self) -> dict[str, Any]:
        """Parameters that apply to the methods that have them."""
        return {"seed": self.seed, "device": self.device, "threads": self.threads or None}

    @property
    def initializer(self) -> str:
        """Word or file of the initial transform; empty where the transform itself is given."""
        if self.initial is not None:
            return ""
        return default_initializer(self.method) if self.init is None else self.init

    @property
    def files(self) -> dict[str, Path]:
        """Files and folders that are read, by role; no output may replace them."""
        given = {
            role: getattr(self, role)
            for role in ("fixed", "moving", "fixed_mask", "moving_mask", "points")
        }
        files = {role: path for role, path in given.items() if isinstance(path, Path)}
        if self.init is not None and not is_initializer(self.init):
            files["init"] = Path(self.init)
        if self.calibration is not None and not isinstance(self.calibration, ErrorModel):
            files["calibration"] = Path(self.calibration)
        return files

    def selection(self, role: str) -> ImageSelection:
        """Return the choice in the fixed or moving image."""
        return self.selections.get(role, ONLY_IMAGE)


@dataclass(frozen=True, eq=False)
class Origin:
    """The request that a result answers, and what became of it.

    Parameters
    ----------
    request
        The request.
    init
        Word or file of the initial transform; empty where the transform itself was given.
    init_assumption
        Sentence on what was assumed about the file of the initial transform, or what ``auto``
        chose; empty if nothing was.
    load_s, init_s
        Seconds to read the images and to compute the initial transform.
    """

    request: RegistrationRequest
    init: str = ""
    init_assumption: str = ""
    load_s: float = 0.0
    init_s: float = 0.0


def requested_pair(request: RegistrationRequest) -> Pair:
    """Read the images and masks of a request, and take its initial transform."""
    fixed, moving = (_requested_image(request, role) for role in ("fixed", "moving"))
    return Pair(
        fixed,
        moving,
        _requested_mask(request, "fixed", fixed.grid),
        _requested_mask(request, "moving", moving.grid),
        request.initial,
    )


def requested_start(pair: Pair, init: str, request: RegistrationRequest) -> tuple[Pair, str]:
    """Return the pair with its initial transform, and what was assumed to find it.

    Parameters
    ----------
    pair
        The images.
    init
        Initializer or transform file, for a request without an initial transform.
    request
        The request, with the format of the file.
    """
    if request.initial is not None:
        return pair, ""
    registry, file = default_registry(), Path(init)
    if is_initializer(init, registry):
        if request.init_format:
            raise ParameterError(f"--from needs a transform file as --init, got '{init}'")
        if init == "auto":
            chosen = choose_start(pair, registry, request.method)
            return chosen.of(pair), chosen.reason
        return replace(pair, initial=initial_transform(init, pair, registry)), ""
    if not file.is_file():
        methods = {method.spec.name for method in registry.methods}
        hint = suggest(init, methods | {*initializer_names(registry)})
        raise ParameterError(
            f"--init '{init}': no such file, and no initializer or method of this name; {hint}"
        )
    fixed, moving = (_header_source(request, role) for role in ("fixed", "moving"))
    found = load_transform(file, format=request.init_format, fixed=fixed, moving=moving)
    return replace(pair, initial=found.transform), found.assumption


def requested_points(request: RegistrationRequest, pair: Pair) -> NamedPoints | None:
    """Return the points of a request, which lie in the fixed image."""
    if not isinstance(request.points, Path):
        return request.points
    return read_named_points(request.points, _labeled(request, "fixed", pair.fixed.grid))


def _requested_image(request: RegistrationRequest, role: str) -> Volume:
    modality = getattr(request, f"{role}_modality")
    return as_volume(getattr(request, role), role, modality, request.selection(role))


def _requested_mask(request: RegistrationRequest, role: str, grid: Any) -> LabelMap | None:
    mask, region = getattr(request, f"{role}_mask"), getattr(request, f"{role}_roi")
    return None if mask is None else as_mask(mask, role, _labeled(request, role, grid), region)


def _labeled(request: RegistrationRequest, role: str, grid: Any) -> LabeledImage:
    image = getattr(request, role)
    return LabeledImage(grid, image if isinstance(image, Path) else None)


def _header_source(request: RegistrationRequest, role: str) -> ImageSource:
    image: Path | Volume = getattr(request, role)
    return image.grid if isinstance(image, Volume) else ImageFile(image, request.selection(role))
