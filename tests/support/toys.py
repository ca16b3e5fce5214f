"""An honest toy method, and the same method with the mistakes that methods make."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.geometry.rotation import euler_angles, rotation_matrix
from regkit.geometry.transform import IDENTITY, AffineTransform, DisplacementField, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Estimate, Pair
from regkit.similarity.point_sample import values_at
from regkit.testing.phantom_pairs import MOTION, TABLE_HU


@dataclass(frozen=True)
class Centroid:
    """Brings the centres of the body's silhouettes together: right, though it never turns."""

    air_hu: float = -900.0
    background_suv: float = 0.2

    def register(self, pair: Pair) -> Estimate:
        fixed = self.centre(pair.fixed, pair.fixed_mask)
        moving = self.centre(pair.moving, pair.moving_mask)
        shift = moving - pair.start.map_points(fixed)
        return Estimate(self.total(pair, AffineTransform.shift(shift)), diagnostics={"n": 1})

    def centre(self, volume: Volume, mask: LabelMap | None) -> Any:
        index = np.argwhere(np.ones(volume.array.shape))
        values = volume.array.ravel()
        if mask is not None:
            kept = values_at(mask, volume.grid.to_physical(index)) > 0
            index, values = index[kept], values[kept]
        body = values > (self.air_hu if volume.modality == "ct" else self.background_suv)
        return self.physical(volume, index[body]).mean(axis=0)

    def physical(self, volume: Volume, index: Any) -> Any:
        return volume.grid.to_physical(index)

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return increment @ pair.start


class Inverse(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return super().total(pair, increment).inverse()


class SwapsAxes(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return AffineTransform.shift(increment.matrix[2::-1, 3]) @ pair.start


class ThinksInRas(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return AffineTransform.shift(increment.matrix[:3, 3] * (-1, -1, 1)) @ pair.start


class IgnoresDirection(Centroid):
    def physical(self, volume: Volume, index: Any) -> Any:
        return index[:, ::-1] * volume.grid.spacing + volume.grid.origin


class IgnoresSpacing(Centroid):
    def physical(self, volume: Volume, index: Any) -> Any:
        axes = np.reshape(volume.grid.direction, (3, 3))
        return index[:, ::-1] @ axes.T + volume.grid.origin


class IgnoresOrigin(Centroid):
    def physical(self, volume: Volume, index: Any) -> Any:
        return volume.grid.to_physical(index) - volume.grid.origin


class WorksInVoxels(Centroid):
    def physical(self, volume: Volume, index: Any) -> Any:
        return index[:, ::-1]


class HalfVoxelOff(Centroid):
    """Takes the corner of the first voxel for its centre, in the fixed image."""

    def register(self, pair: Pair) -> Estimate:
        honest = super().register(pair).transform
        half = np.diff(pair.fixed.grid.to_physical([[0, 0, 0], [0.5, 0.5, 0.5]]), axis=0)[0]
        return Estimate(honest @ AffineTransform.shift(half))


class TurnsTheOtherWay(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        turn = AffineTransform.about(MOTION.matrix[:3, :3].T, (0, 0, 0), pair.fixed.grid.centre)
        return increment @ pair.start @ turn


class TurnsALittleTheOtherWay(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        turn = rotation_matrix(np.negative(euler_angles(MOTION.matrix[:3, :3])) / 2)
        about_centre = AffineTransform.about(turn, (0, 0, 0), pair.fixed.grid.centre)
        return increment @ pair.start @ about_centre


class TurnsAboutTheOrigin(Centroid):
    """Knows the rotation, but not that it was found about the centre of the image."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        turn = AffineTransform.about(MOTION.matrix[:3, :3], (0, 0, 0), (0, 0, 0))
        return increment @ pair.start @ turn


class StopsEarlyFarAway(Centroid):
    """Like an optimiser whose steps are sized by the distance from the origin."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        share = 0.8 if np.linalg.norm(pair.fixed.grid.centre) > 1000 else 1.0
        return AffineTransform.shift(share * increment.matrix[:3, 3]) @ pair.start


class DoesNothing(Centroid):
    def register(self, pair: Pair) -> Estimate:
        return Estimate(pair.start)


class MovesWhatIsAligned(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return AffineTransform.shift((10.0, 0.0, 0.0)) @ increment @ pair.start


class Overwrites(Centroid):
    def register(self, pair: Pair) -> Estimate:
        estimate = super().register(pair)
        array = pair.moving.array.view()
        while not array.flags.writeable and array.base is not None:
            array = array.base
        array[...] = 0
        return estimate


class DilatesTheMask(Centroid):
    def register(self, pair: Pair) -> Estimate:
        estimate = super().register(pair)
        if pair.moving_mask is not None and pair.moving_mask.array.base is not None:
            pair.moving_mask.array.base[...] = 1
        return estimate


class ReplacesThePair(Centroid):
    def register(self, pair: Pair) -> Estimate:
        object.__setattr__(pair, "initial", IDENTITY)
        return super().register(pair)


class Random(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        noise = np.random.default_rng().normal(0, 0.1, 3)
        return AffineTransform.shift(noise) @ increment @ pair.start


class OnlyTheIncrement(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return increment


class IgnoresInitial(Centroid):
    """Searches around the identity only, as an optimiser without its start would."""

    def register(self, pair: Pair) -> Estimate:
        found = super().register(dataclasses.replace(pair, initial=None)).transform
        far = np.linalg.norm(found.map_points((0.0, 0.0, 0.0))) > 100
        return Estimate(IDENTITY if far else found)


class WrongOrder(Centroid):
    """Finds the increment in the moving frame and puts it before the initial transform."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return pair.start @ increment


class IgnoresFixedMask(Centroid):
    def register(self, pair: Pair) -> Estimate:
        return super().register(dataclasses.replace(pair, fixed_mask=None))


class IgnoresMovingMask(Centroid):
    def register(self, pair: Pair) -> Estimate:
        return super().register(dataclasses.replace(pair, moving_mask=None))


class RobustWithoutFixedMask(IgnoresFixedMask):
    """Not led astray by a bright table, and yet blind to the mask."""

    def centre(self, volume: Volume, mask: LabelMap | None) -> Any:
        without = np.where(volume.array < TABLE_HU, volume.array, volume.array.min())
        return super().centre(volume.with_array(without), mask)


class RobustWithoutMovingMask(IgnoresMovingMask):
    """The same for the other mask."""

    def centre(self, volume: Volume, mask: LabelMap | None) -> Any:
        without = np.where(volume.array < TABLE_HU, volume.array, volume.array.min())
        return super().centre(volume.with_array(without), mask)


class ReadsMasksInVoxels(Centroid):
    """Uses a mask as if it lay on the grid of its image."""

    def register(self, pair: Pair) -> Estimate:
        return super().register(
            dataclasses.replace(
                pair,
                fixed_mask=_cropped_onto(pair.fixed, pair.fixed_mask),
                moving_mask=_cropped_onto(pair.moving, pair.moving_mask),
            )
        )


def _cropped_onto(volume: Volume, mask: LabelMap | None) -> LabelMap | None:
    if mask is None:
        return None
    array = np.zeros(volume.array.shape, dtype=np.uint8)
    nz, ny, nx = np.minimum(array.shape, mask.array.shape)
    array[:nz, :ny, :nx] = mask.array[:nz, :ny, :nx]
    return LabelMap(array, volume.grid)


class NeedsBothMasks(Centroid):
    def register(self, pair: Pair) -> Estimate:
        if (pair.fixed_mask is None) != (pair.moving_mask is None):
            raise ValueError("both masks are needed")
        return super().register(pair)


class WantsEqualShapes(Centroid):
    def register(self, pair: Pair) -> Estimate:
        np.add(pair.fixed.array[:5], pair.moving.array[:5])
        return super().register(pair)


class ReturnsAMatrix(Centroid):
    def register(self, pair: Pair) -> Any:
        return super().register(pair).transform


class TellsArrays(Centroid):
    def register(self, pair: Pair) -> Estimate:
        return Estimate(super().register(pair).transform, diagnostics={"cost": np.ones(3)})


class TellsNan(Centroid):
    def register(self, pair: Pair) -> Estimate:
        return Estimate(super().register(pair).transform, diagnostics={"cost": float("nan")})


class Scales(Centroid):
    """Says rigid and returns an affine map."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return increment @ pair.start @ AffineTransform(np.diag([1.02, 1.0, 0.98, 1.0]))


class Mirrors(Centroid):
    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return AffineTransform(np.diag([-1.0, 1.0, 1.0, 1.0])) @ increment @ pair.start


class Warps(Centroid):
    """Returns a displacement field: right for a method that says deformable."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        shift = increment.matrix[:3, 3]
        field = np.broadcast_to(shift, (*pair.fixed.grid.shape_zyx, 3))
        return pair.start @ DisplacementField(field @ _linear(pair.start), pair.fixed.grid)


def _linear(start: Transform) -> Any:
    return start.matrix[:3, :3] if isinstance(start, AffineTransform) else np.eye(3)


class OwnTransform(Centroid):
    """Returns a kind of transform that regkit cannot write."""

    def total(self, pair: Pair, increment: AffineTransform) -> Transform:
        return Hidden(increment @ pair.start)


class Hidden(Transform):
    def __init__(self, inner: Transform) -> None:
        self.inner = inner

    def map_points(self, points: Any) -> Any:
        return self.inner.map_points(points)

    def inverse(self) -> Transform:
        return Hidden(self.inner.inverse())


class NotADataclass:
    def __init__(self, air_hu: float = -900.0) -> None:
        self.air_hu = air_hu

    def register(self, pair: Pair) -> Estimate:
        return Centroid(self.air_hu).register(pair)


@dataclass
class Changeable:
    air_hu: float = -900.0

    def register(self, pair: Pair) -> Estimate:
        return Centroid(self.air_hu).register(pair)


@dataclass(frozen=True)
class WithoutDefault:
    air_hu: float

    def register(self, pair: Pair) -> Estimate:
        return Centroid(self.air_hu).register(pair)


@dataclass(frozen=True)
class HoldsATransform:
    start: Any = IDENTITY

    def register(self, pair: Pair) -> Estimate:
        return Centroid().register(pair)


@dataclass(frozen=True)
class Infinite:
    limit: float = float("inf")

    def register(self, pair: Pair) -> Estimate:
        return Centroid().register(pair)


@dataclass(frozen=True)
class CannotRegister:
    air_hu: float = -900.0


class Crashes(Centroid):
    def register(self, pair: Pair) -> Estimate:
        raise RuntimeError("out of cheese\nredo from start")


@dataclass(frozen=True)
class Sneaky:
    """Says it leaves the images where they are."""

    def register(self, pair: Pair) -> Estimate:
        return Estimate(AffineTransform.shift((0.0, 0.1, 0.0)) @ pair.start)
