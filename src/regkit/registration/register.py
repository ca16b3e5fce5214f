"""Register images that are given as files, volumes or images of other libraries."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np

from regkit.arguments import checked
from regkit.errors import RegistrationError, RegkitError
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.library_images import ImageLike, as_mask, as_volume
from regkit.io.selection import ImageSelection
from regkit.io.transforms import made_transform
from regkit.registrar import Pair, Registrar
from regkit.registration.calibration_card import Calibration
from regkit.registration.expression import MethodName
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method
from regkit.registration.point_error import NamedPoints
from regkit.registration.request import (
    Origin,
    RegistrationRequest,
    requested_pair,
    requested_points,
    requested_start,
)
from regkit.registration.run import RegistrationResult, run
from regkit.registry import DEFAULT_METHOD

# Initial transform of `register`, with the words of the error about anything else.
Initializer: TypeAlias = Annotated[
    str | os.PathLike[str],
    "a word like 'auto', or the path of a transform (a transform itself is given as initial=)",
]
# Names the stage that begins, and ends with it.
OnStage: TypeAlias = Callable[[str], AbstractContextManager[Any]]


@checked
def register(
    fixed: ImageLike,
    moving: ImageLike,
    method: MethodName = DEFAULT_METHOD,
    *,
    fixed_mask: ImageLike | None = None,
    moving_mask: ImageLike | None = None,
    fixed_roi: str = "",
    moving_roi: str = "",
    fixed_modality: str = "",
    moving_modality: str = "",
    selections: Mapping[str, ImageSelection] | None = None,
    initial: Transform | Any = None,
    init: Initializer = "auto",
    check_inverse: bool = False,
    witnesses: Sequence[str] = (),
    judge: bool = True,
    points: NamedPoints | str | os.PathLike[str] | None = None,
    calibration: Calibration = None,
    seed: int = 0,
    device: str = "auto",
    threads: int = 0,
    **parameters: Any,
) -> RegistrationResult:
    """Register a moving image to a fixed one, as ``regkit register`` does.

    Parameters
    ----------
    fixed, moving
        Paths, volumes, or images of SimpleITK, nibabel or ANTs; see `regkit.volume` for arrays.
    method
        Name, ``a+b`` or ``a,b``, as on the command line.
    fixed_mask, moving_mask
        Regions to compare (non-zero): paths, label maps, or images of these libraries.
    initial
        Initial fixed-to-moving map in LPS mm: a `Transform`, one of SimpleITK, a 4 x 4 matrix, or
        a transform file; `init` is then ignored.
    init
        Initializer: ``auto`` keeps the headers unless another start is clearly better,
        ``identity`` trusts them, ``centre`` aligns the fields of view; or a method, or a
        transform file.
    check_inverse, witnesses, judge, points, calibration
        Parameters of `run`; points and calibration may be files.
    fixed_roi, moving_roi, fixed_modality, moving_modality, selections, seed, device, threads
        Options of the same names; see `regkit.registration.request.RegistrationRequest`.
    **parameters
        Parameters of the method; ``**{"name.key": value}`` sets that of one method of a chain.
    """
    return register_requested(_request(locals()))


@checked
def register_many(
    pairs: Iterable[Sequence[Any] | Mapping[str, Any]],
    method: MethodName = DEFAULT_METHOD,
    *,
    return_errors: bool = False,
    **options: Any,
) -> Iterator[RegistrationResult | RegkitError]:
    """Register pairs of images one after the other; yield each result as soon as it is there.

    Only one pair is in memory at a time if they are given as paths and the results are not kept.
    `regkit.batch` writes the results of many files to a folder, in several processes.

    Parameters
    ----------
    pairs
        ``(fixed, moving)`` for each registration, or the parameters of `register` by name that
        differ from pair to pair: ``{"fixed": ..., "moving": ..., "fixed_mask": ...}``.
    method
        Method of all pairs.
    return_errors
        True to yield the error of a pair that cannot be registered in place of its result; else
        it is raised, and ends the batch.
    **options
        Further parameters of `register`, the same for all pairs.
    """
    for number, pair in enumerate(pairs, start=1):
        try:
            own = _named(pair)
            yield register(**{"method": method, **options, **own})
        except RegkitError as error:
            told = type(error)(f"pair {number}: {error}")
            if not return_errors:
                raise told from error
            yield told


def register_requested(
    request: RegistrationRequest,
    on_stage: OnStage = nullcontext,
    started: float | None = None,
) -> RegistrationResult:
    """Read the images of a request, register them, and keep the request with the result.

    Parameters
    ----------
    request
        Images, method and options.
    on_stage
        Function that is called with the name of each stage, and returns a context for it.
    started
        Time at which reading started, by `time.perf_counter`; the time of the call if None.
    """
    started = time.perf_counter() if started is None else started
    registrar = requested_method(request)
    with on_stage("reading"):
        pair = with_modalities(requested_pair(request))
    load_s = time.perf_counter() - started
    with on_stage(f"registering with {request.method}"):
        init = request.initializer
        pair, assumption = requested_start(pair, init, request)
        init_s = time.perf_counter() - started - load_s
        result = judged_registration(request, registrar, pair)
    return replace(result, origin=Origin(request, init, assumption, load_s, init_s))


def given_pair(
    fixed: ImageLike,
    moving: ImageLike,
    method: str,
    *,
    fixed_mask: ImageLike | None = None,
    moving_mask: ImageLike | None = None,
    fixed_modality: str = "",
    moving_modality: str = "",
    initial: Transform | Any = None,
) -> Pair:
    """Return the pair that `register` would register; the parameters are its own."""
    given = locals() | {"init": "auto", "points": None, "selections": None, "witnesses": ()}
    request = _request(given)
    pair = with_modalities(requested_pair(request))
    return pair if request.init is None else requested_start(pair, request.init, request)[0]


def requested_method(request: RegistrationRequest) -> Registrar:
    """Return the method of a request, with its parameters."""
    return build_method(request.method, request.parameters, defaults=request.defaults)


def judged_registration(
    request: RegistrationRequest, registrar: Registrar, pair: Pair
) -> RegistrationResult:
    """Run the method, and judge its result as the request asks for."""
    return run(
        *(registrar, pair, request.method, request.check_inverse),
        witnesses=request.witnesses,
        judge=request.judge,
        points=requested_points(request, pair),
        calibration=request.calibration,
    )


def _request(given: dict[str, Any]) -> RegistrationRequest:
    """Return the request that the parameters of `register` stand for."""
    initial, points = _initial(given["initial"]), given["points"]
    init: str | None = os.fspath(given["init"])
    if isinstance(initial, Path):
        init, initial = str(initial), None
    elif init == "auto":
        init = None
    images = {role: _image(given[role], role) for role in ("fixed", "moving")}
    masks = {
        f"{role}_mask": _mask(given[f"{role}_mask"], given[role], role)
        for role in ("fixed", "moving")
    }
    others = {
        "initial": initial,
        "init": init,
        "points": Path(points) if isinstance(points, str | os.PathLike) else points,
        "selections": given["selections"] or {},
        "witnesses": tuple(given["witnesses"]),
    }
    return RegistrationRequest(**{**given, **images, **masks, **others})


def _image(image: ImageLike, role: str) -> Path | Volume:
    """Return a path as it is, to be read later; all else as a volume."""
    return Path(image) if isinstance(image, str | os.PathLike) else as_volume(image, role)


def _mask(mask: ImageLike | None, image: ImageLike, role: str) -> Path | LabelMap | None:
    if mask is None or isinstance(mask, str | os.PathLike):
        return None if mask is None else Path(mask)
    if isinstance(mask, np.ndarray) and isinstance(image, Volume) and mask.shape == image.shape:
        return LabelMap(mask, image.grid)
    return as_mask(mask, role)


def _initial(initial: Any) -> Transform | Path | None:
    """Return the initial transform, or the path of its file."""
    if initial is None or isinstance(initial, Transform):
        return initial
    if isinstance(initial, str | os.PathLike):
        return Path(initial)
    return made_transform(initial, "initial")


def _named(pair: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of one pair of a batch."""
    if isinstance(pair, Mapping):
        if lacking := [name for name in ("fixed", "moving") if name not in pair]:
            raise RegistrationError(
                f"there is no '{lacking[0]}'; got {', '.join(map(str, pair)) or 'nothing'}"
            )
        return dict(pair)
    if isinstance(pair, Pair):
        return {name: value for name, value in vars(pair).items() if name != "initial_is_guess"}
    try:
        fixed, moving = pair
    except (TypeError, ValueError) as error:
        raise RegistrationError(
            f"got a {type(pair).__name__}; give (fixed, moving), or a mapping of the parameters "
            "of register"
        ) from error
    return {"fixed": fixed, "moving": moving}
