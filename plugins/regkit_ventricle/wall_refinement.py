"""Refining the walls of a segmented ventricle by the image: our own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regkit.errors import RegistrationError
from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Pair

if TYPE_CHECKING:
    from regkit_ventricle.surfaces import Surfaces
    from regkit_ventricle.walls import Walls

# A thickness that the image determines no better than this (networks err by 0.6 mm), or with a
# model that explains no more of the image, is left as the labels have it.
SURE_MM, EXPLAINED = 0.4, 0.8
# Of the volume of myocardium: networks err by 0.08.
LARGE_CHANGE = 0.2
NOTHING = (
    "lv-walls found no labels to refine: run it after a method that segments, such as "
    "ms-st-unet+lv-walls"
)


@dataclass(frozen=True)
class WallRefinement:
    """Moves the walls of a ventricle, which the method before it labelled, to where they are.

    Networks take walls to be of a usual thickness. How thick they are in an image is found
    together with how blurred it is; see `regkit_ventricle.walls`. The outer and the inner
    surface move by one number each; the pose stays. Where the image does not tell the thickness
    within 0.4 mm, has a surface almost 2 mm from the labels, or would have a wall torn, these stay
    as they were: the rule in SPECT. All that holds as far as the model does: uptake that differs
    between the inner and the outer part of a wall, or something bright that lies on it all around,
    makes walls thinner or thicker than they are. Alone it leaves images where they are.
    """

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map: without labels there are no walls."""
        return Estimate(pair.start, diagnostics={"warnings": [NOTHING]})

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return the map as it was and the labels refined, or as they were."""
        if found.labels is None:
            return self.register(pair)
        try:
            surfaces, walls = _fitted(pair, found)
        except RegistrationError as error:
            return _with(found, {"kept": False, "why": str(error)})
        own = asdict(walls)
        sure = walls.thickness_sd_mm <= SURE_MM and walls.explained >= EXPLAINED
        if walls.bounded or not sure:
            return _with(found, {"kept": False, **own})
        before = surfaces.moved(0.0, 0.0)
        labels = surfaces.moved(walls.epicardium_mm, walls.endocardium_mm)
        if surfaces.leak_voxels(labels) > surfaces.leak_voxels(before):
            return _with(found, {"kept": False, "why": "a wall would be torn", **own})
        found = _with(Estimate(found.transform, labels, found.diagnostics), {"kept": True, **own})
        return _doubted(found, _volume(labels) / _volume(before) - 1)


def _fitted(pair: Pair, found: Estimate) -> tuple[Surfaces, Walls]:
    from regkit_ventricle.axis import long_axis  # noqa: PLC0415 - loads scipy
    from regkit_ventricle.frame import along_axis  # noqa: PLC0415
    from regkit_ventricle.labels import ventricle_of  # noqa: PLC0415
    from regkit_ventricle.surfaces import surfaces_of  # noqa: PLC0415
    from regkit_ventricle.verdict import STRAY_CHECK  # noqa: PLC0415
    from regkit_ventricle.walls import AROUND_MM, fit_walls  # noqa: PLC0415

    assert found.labels is not None  # noqa: S101 - the caller has asked
    ventricle = ventricle_of(found.labels)
    if ventricle.stray_share > STRAY_CHECK:  # the verdict is to see them
        raise RegistrationError(
            f"{ventricle.stray_share:.0%} of the labels lie in other pieces than the ventricle"
        )
    axis = long_axis(ventricle)
    surfaces = surfaces_of(ventricle, axis, AROUND_MM)
    frame = along_axis(axis, found.transform)
    return surfaces, fit_walls(pair.moving, surfaces, frame, pair.moving_mask)


def _volume(labels: LabelMap) -> float:
    from regkit_ventricle.labels import MYOCARDIUM  # noqa: PLC0415

    return float((labels.array == MYOCARDIUM).sum())


def _doubted(found: Estimate, change: float) -> Estimate:
    """Say so where walls became thicker or thinner by more than networks usually err."""
    if abs(change) <= LARGE_CHANGE:
        return found
    words = f"lv-walls changed the volume of the myocardium by {change:+.0%}: do its contours fit?"
    warnings = [*found.diagnostics.get("warnings", ()), words]
    diagnostics = {**found.diagnostics, "warnings": warnings}
    return Estimate(found.transform, found.labels, diagnostics)


def _with(found: Estimate, own: dict[str, object]) -> Estimate:
    return Estimate(found.transform, found.labels, {**found.diagnostics, "lv-walls": own})
