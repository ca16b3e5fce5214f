"""A ventricle of formulas in a body with a lung at its lateral wall, scanned without noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lv_phantom import Phantom, pose_on, upright
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.spect.acquire import acquire
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.osem import OsemSettings
from regkit_nuclear.spect.projections import Projections

GRID = upright(44, 7.0)
SETTINGS = OsemSettings(subsets=4, iterations=4)
BODY_MM, LUNG, TISSUE = (122.0, 90.0), 0.042, 0.155
LATERAL, SEPTAL = (5, 6, 11, 12, 16), (2, 3, 8, 9, 14)


@dataclass(frozen=True)
class Scene:
    """What is in the camera; the mu-map is moved by `transform` (SPECT to mu-map points)."""

    transform: AffineTransform = AffineTransform.shift((-28.0, 0.0, 0.0))  # noqa: RUF009 - frozen
    grid = GRID

    @cached_property
    def phantom(self) -> Phantom:
        return Phantom(GRID, pose_on(GRID), "spect")

    @property
    def labels(self) -> LabelMap:
        return self.phantom.labels

    def mu_at(self, points: np.ndarray) -> np.ndarray:
        """Attenuation at points (N, 3) of the SPECT, 1/cm."""
        x, y, _ = points.T
        body = (x / BODY_MM[0]) ** 2 + (y / BODY_MM[1]) ** 2 < 1
        heart = self.phantom.pose.map_points(np.zeros((1, 3)))[0]
        lung = body & (x > heart[0] + 45.0)
        return np.where(lung, LUNG, TISSUE * body)

    @property
    def true_mu(self) -> Volume:
        points = GRID.to_physical(np.argwhere(np.ones(GRID.shape_zyx)))
        return Volume(self.mu_at(points).reshape(GRID.shape_zyx), GRID, "mu")

    @property
    def mu(self) -> Volume:
        """The mu-map in the place of its header, painted there rather than resampled."""
        points = GRID.to_physical(np.argwhere(np.ones(GRID.shape_zyx)))
        there = self.transform.inverse().map_points(points)
        return Volume(self.mu_at(there).reshape(GRID.shape_zyx), GRID, "mu")

    @cached_property
    def projections(self) -> Projections:
        """Counts of an even uptake in the wall."""
        return self.scan(self.true_mu)

    def scan(self, mu: Volume) -> Projections:
        """Counts through a body of some attenuation."""
        uptake = np.where(self.labels.array == 1, 1.0, 0.05 * (self.true_mu.array > 0))
        activity = Volume(uptake.astype(np.float32), GRID, "spect")
        rng = np.random.Generator(np.random.PCG64(1))
        return acquire(activity, mu, rng, noise=False, orbit=Orbit.full(16))
