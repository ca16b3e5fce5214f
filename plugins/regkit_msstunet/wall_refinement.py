"""Refining the walls of a segmented ventricle by the image: our own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regkit.errors import RegistrationError
from regkit.registrar import Estimate, Pair

if TYPE_CHECKING:
    from regkit_msstunet.ventricle.surfaces import Surfaces
    from regkit_msstunet.ventricle.walls import Walls

# A thickness that the image determines no better than this (networks err by 0.6 mm), or with a
# model that explains no more of the image, is left as the labels have it; so are labels of which
# more is no part of the ventricle.
SURE_MM, EXPLAINED, STRAY = 0.4, 0.8, 0.05
NOTHING = (
    "walls found no labels to refine: run it after a method that segments, as ms-st-unet+walls"
)


@dataclass(frozen=True)
class WallRefinement:
    """Moves the walls of a ventricle, which the method before it labelled, to where they are.

    Networks take walls to be of a usual thickness. How thick they are in an image is found
    together with how blurred it is; see `regkit_msstunet.ventricle.walls`. The outer and the inner
    surface move by one number each; the pose stays. Where the image does not tell the thickness
    within 0.4 mm, or has a surface 2 mm from the labels, these stay as they were: the rule in
    SPECT. Alone it leaves images where they are.
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
        sure = walls.thickness_sd_mm <= SURE_MM and walls.explained >= EXPLAINED
        kept = sure and not walls.bounded
        if kept:
            labels = surfaces.moved(walls.epicardium_mm, walls.endocardium_mm)
            found = Estimate(found.transform, labels, found.diagnostics)
        return _with(found, {"kept": kept, **asdict(walls)})


def _fitted(pair: Pair, found: Estimate) -> tuple[Surfaces, Walls]:
    from regkit_msstunet.ventricle.axis import long_axis  # noqa: PLC0415 - loads scipy
    from regkit_msstunet.ventricle.frame import along_axis  # noqa: PLC0415
    from regkit_msstunet.ventricle.labels import ventricle_of  # noqa: PLC0415
    from regkit_msstunet.ventricle.surfaces import surfaces_of  # noqa: PLC0415
    from regkit_msstunet.ventricle.walls import AROUND_MM, fit_walls  # noqa: PLC0415

    assert found.labels is not None  # noqa: S101 - the caller has asked
    ventricle = ventricle_of(found.labels)
    if ventricle.stray_share > STRAY:
        raise RegistrationError(
            f"{ventricle.stray_share:.0%} of the labels lie in other pieces than the ventricle"
        )
    axis = long_axis(ventricle)
    surfaces = surfaces_of(ventricle, axis, AROUND_MM)
    frame = along_axis(axis, found.transform)
    return surfaces, fit_walls(pair.moving, surfaces, frame, pair.moving_mask)


def _with(found: Estimate, own: dict[str, object]) -> Estimate:
    return Estimate(found.transform, found.labels, {**found.diagnostics, "walls": own})
