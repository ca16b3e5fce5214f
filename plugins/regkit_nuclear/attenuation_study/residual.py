"""The effect of a remaining misalignment: the polar map under random motions of the mu-map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rotation import rotations
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import Volume
from regkit_nuclear.attenuation_study.comparison import segment_differences_pct
from regkit_nuclear.attenuation_study.heart import SampledVentricle
from regkit_nuclear.painting.random_streams import generator
from regkit_nuclear.spect.osem import OsemSettings, reconstruct
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.threads import run_concurrently
from regkit_ventricle.polar_map import PolarMap

# Number of motions that sample a misalignment. Chosen by hand: two of 40 exceed their 95 %.
SAMPLES = 40
# Fraction of the samples whose differences are below those that are told.
COVERAGE = 0.95
# Samples only reconstruct the slices of the heart and those within this distance, mm: about twice
# the resolution of the camera, which alone couples slices. On simulated hearts the segments of
# these and of all slices differ by less than 0.1 % (tests).
MARGIN_MM = 35.0
STREAM = 23  # of the random numbers, beside those of the phantoms


@dataclass(frozen=True)
class ResidualMisalignment:
    """The misalignment that may remain between SPECT and mu-map.

    Parameters
    ----------
    shift_mm
        Root mean square length of the shift, mm.
    rotation_deg
        Root mean square angle of the rotation about the centre of the ventricle, degrees.
    samples
        Number of motions that sample it.
    seed
        Seed of their random numbers.

    Raises
    ------
    ParameterError
        A number is negative or not finite, both are 0, or there are fewer than two samples.
    """

    shift_mm: float
    rotation_deg: float = 0.0
    samples: int = SAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        numbers = (self.shift_mm, self.rotation_deg)
        if not (np.isfinite(numbers).all() and min(numbers) >= 0 and max(numbers) > 0):
            raise ParameterError(
                "the residual misalignment takes mm and degrees of 0 or more, one above 0, got "
                f"{self.shift_mm:g}, {self.rotation_deg:g}"
            )

        if self.samples < 2:
            raise ParameterError(
                f"the residual misalignment needs at least 2 samples, got {self.samples}"
            )

    @classmethod
    def parse(cls, text: str, samples: int = SAMPLES, seed: int = 0) -> ResidualMisalignment:
        """Return the misalignment of a text such as ``3,1``: mm and degrees, or mm alone."""
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) not in {1, 2}:
            raise ParameterError(f"--residual takes mm and degrees, such as 3,1, got '{text}'")
        shift_mm, rotation_deg = (*numbers, 0.0)[:2]
        return cls(shift_mm, rotation_deg, samples, seed)

    def motions(self, centre_mm: FloatArray) -> list[AffineTransform]:
        """Draw the motions about a centre (LPS mm); each component is normally distributed."""
        numbers = generator(self.seed, STREAM).normal(size=(self.samples, 2, 3)) / np.sqrt(3)
        turns = rotations(np.deg2rad(self.rotation_deg) * numbers[:, 1])
        x, y, z = np.asarray(centre_mm).tolist()
        return [
            AffineTransform.about(turn, self.shift_mm * shift, (x, y, z))
            for turn, shift in zip(turns, numbers[:, 0], strict=True)
        ]


@dataclass(frozen=True, eq=False)
class ResidualEffect:
    """The polar maps under a remaining misalignment.

    Parameters
    ----------
    misalignment
        Misalignment whose effect this is.
    samples_pct
        Difference of each segment from the reference in each sample, percent, shape
        (samples, 17).
    """

    misalignment: ResidualMisalignment
    samples_pct: FloatArray

    @property
    def within_pct(self) -> FloatArray:
        """Largest difference of each segment in 95 % of the samples, percent, shape (17,)."""
        return np.asarray(np.quantile(np.abs(self.samples_pct), COVERAGE, axis=0))


def residual_effect(
    projections: Projections,
    mu: Volume,
    through: Transform,
    heart: SampledVentricle,
    misalignment: ResidualMisalignment,
    *,
    settings: OsemSettings,
    on_sample: Callable[[int], None] = lambda _: None,
) -> ResidualEffect:
    """Reconstruct with the mu-map moved at random about its place.

    Parameters
    ----------
    projections, mu, through
        Parameters of `regkit_nuclear.spect.osem.reconstruct`.
    heart
        Ventricle of the polar maps.
    misalignment
        Distribution of the motions.
    settings
        Settings of the reconstruction.
    on_sample
        Function that is told how many samples are done.
    """
    near = slices_around(projections, heart)
    threads = torch.get_num_threads()

    def sampled(transform: Transform) -> PolarMap:
        return heart.sample(reconstruct(near, mu, transform, **asdict(settings)))

    reference = sampled(through)
    motions = misalignment.motions(heart.centre_mm)
    differences: list[FloatArray] = []
    for start in range(0, len(motions), threads):
        tasks = [partial(sampled, through @ m) for m in motions[start : start + threads]]
        maps = run_concurrently(*tasks)
        differences += [segment_differences_pct(polar, reference) for polar in maps]
        on_sample(len(differences))
    return ResidualEffect(misalignment, np.stack(differences))


def slices_around(projections: Projections, heart: SampledVentricle) -> Projections:
    """Return the projections of the slices of the heart and of those beside it."""
    grid = projections.grid
    low, high = heart.range_z_mm
    count, step, bottom = grid.shape_zyx[0], grid.spacing[2], grid.origin[2]
    first = max(int(np.floor((low - MARGIN_MM - bottom) / step)), 0)
    last = min(int(np.ceil((high + MARGIN_MM - bottom) / step)), count - 1)
    x, y, z = grid.to_physical((first, 0, 0)).tolist()
    shape = (last - first + 1, *grid.shape_zyx[1:])
    part = Grid(shape, grid.spacing, (x, y, z), grid.direction)
    rows = slice(first, last + 1)
    return Projections(
        projections.counts[:, rows],
        projections.scatter[:, rows],
        part,
        projections.orbit,
        projections.collimator,
    )
