"""Coarse to fine from many starts: the search behind every method of this package."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform
from regkit.registrar import Estimate, Pair
from regkit_instance.local_optima import LocalOptima, cluster_optima, distances_mm, uncertainty_mm
from regkit_instance.measures import SampledMetric
from regkit_instance.motion import Model, Motion
from regkit_instance.optimiser import Peaks, climb
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.starts import extended_starts, global_starts, subsample_starts
from regkit_instance.stretch_prior import with_stretch_prior

# Points and bins with which all starts are scored; how many of them climb, and how far.
SCOUT_POINTS, SCOUT_BINS = 700, 16
SCOUTS, SCOUT_STEPS = 32, 15
# Places that go on to the next level, if they are nearly as good as the best.
KEPT, NEARLY = 12, 0.8
# Where the initial map led goes on if it is this good.
INITIAL_KEEP_RATIO = 0.6
# Of places that are as good as this, the one nearest to the initial map is taken.
TIE_RATIO = 0.99
# Searches that end within so many voxels found the same place.
SAME_VOXELS = 4
# If the second best place is as good as this, more places for the body's centre are tried.
DOUBTFUL = 0.87
STEPS = 60
LAST_STEP_MM = 0.01
# Levels above the finest need fewer points, by this factor.
COARSE_SHARE = 8
# Levels, of the finest, at which more parameters than those of a rigid motion are sought.
MORE_PARAMETERS = 2
ALIKE_SHARE = 0.97
ALIKE = "a position {:.0f} mm away makes the images {} alike ({:.1%} of here)"
# Curvature is taken over so many voxels, for over fewer it is mostly noise.
CURVE_VOXELS, LOOSE_VOXELS = 1.5, 2.0
LOOSE = "noise alone leaves the position uncertain by about {:.0f} mm"


@dataclass(frozen=True)
class MultiStartSettings:
    """What a search does; see `regkit_instance.fast.FastRegistration`."""

    measure: str = "mi"
    model: Model = "rigid"
    starts: int | None = None
    levels: int = 3
    samples: int = 40_000
    bins: int = 20
    seed: int = 0
    threads: int = 1


def search(pair: Pair, settings: MultiStartSettings) -> Estimate:
    """Find the map under which the images are most alike.

    Raises
    ------
    RegistrationError
        Nothing to compare in an image, or no start under which the images meet.
    """
    images = PreparedPair.of(pair, settings.levels, settings.seed)
    start = pair.start
    if not (
        images.moving_is_part
        and isinstance(start, AffineTransform)
        and settings.model != "anisotropic"  # whose inverses are of another kind
    ):
        return MultiStartSearch(images, settings).run()
    # Sample points in the whole would mostly meet nothing: those of the part are compared.
    swapped = Pair(pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask, start.inverse())
    found = MultiStartSearch(
        PreparedPair.of(swapped, settings.levels, settings.seed), settings
    ).run()
    diagnostics = {**found.diagnostics, "sampled": "moving"}
    return Estimate(found.transform.inverse(), diagnostics=diagnostics)


class MultiStartSearch:
    """One registration: the images at every level, and what was found so far."""

    def __init__(self, images: PreparedPair, settings: MultiStartSettings) -> None:
        self.images, self.settings = images, settings
        self.rigid = Motion("rigid", images.body.radius_mm)
        self.diagnostics: dict[str, object] = {}
        self.levels: list[dict[str, object]] = []
        self.warnings: list[str] = []
        self.from_initial = 0  # which of the places that go on the initial map led to

    def run(self) -> Estimate:
        """Scout, refine level by level, add parameters if the model has more than a rigid one."""
        count = len(self.images.spacings)
        maps = self._scout()
        for level in range(count):
            found = self._refine(level, maps, self.rigid)
            maps = found.maps
        found, motion = self._chosen(found), self.rigid
        if self.settings.model != "rigid":
            motion = replace(self.rigid, model=self.settings.model)
            for level in range(max(count - MORE_PARAMETERS, 0), count):
                self.from_initial = 0
                best = self._refine(level, found.maps[:1], motion)
                found = replace(found, maps=best.maps[:1])
        self._report(motion, found)
        return Estimate(self._total(found.maps[0]), diagnostics=self.diagnostics)

    def _scout(self) -> FloatArray:
        """Score all starts at the coarsest level, and climb from the best and the initial one."""
        settings = self.settings
        if settings.starts == 1:
            return np.eye(3, 4)[None]
        measure = self.images.measure("mi", 0, SCOUT_POINTS, SCOUT_BINS, settings.threads)
        centres = np.stack([self.images.moving_mass, self.images.pair.moving.grid.centre])
        starts = global_starts(centres - self.images.body.centre, self.rigid.radius_mm)
        if settings.starts is not None:
            starts = subsample_starts(starts, settings.starts)
        found, from_initial = self._scouted(measure, starts, np.empty((0, 3, 4)))
        if settings.starts is None and found.doubtful(DOUBTFUL):
            place = self.images.moving_mass - self.images.body.centre
            more = extended_starts(place, self.rigid.radius_mm)
            self.diagnostics["extended_starts"] = len(more)
            found, _ = self._scouted(measure, more, found.maps)
        self.diagnostics |= {
            "starts": len(starts),
            "local_optima": found.described(self.images.body.points),
        }
        return self._kept(found, from_initial).maps

    def _scouted(
        self, measure: SampledMetric, starts: FloatArray, known: FloatArray
    ) -> tuple[LocalOptima, FloatArray]:
        """Climb from the first start and the best ones, and from places known already.

        Returns where that led, and where the first start did.
        """
        order = np.argsort(-measure.overlap_weighted_scores(starts), kind="stable")[:SCOUTS]
        chosen = np.concatenate([[0], order[order != 0]])
        spacing = self.images.spacings[0]
        maps = np.concatenate([known, starts[chosen]])
        peaks = climb(measure, self.rigid, maps, spacing, spacing / 10, SCOUT_STEPS)
        found = self._places(measure, peaks, SAME_VOXELS / 2 * spacing)
        return found, peaks.maps[len(known)]

    def _refine(self, level: int, maps: FloatArray, motion: Motion) -> LocalOptima:
        """Climb from each place at a level; return its measure and where that led."""
        spacing, last = self.images.spacings[level], level == len(self.images.spacings) - 1
        settings = self.settings
        samples = settings.samples // (1 if last else COARSE_SHARE)
        measure = self.images.measure(
            settings.measure, level, samples, settings.bins, settings.threads
        )
        self.finest = measure
        until = LAST_STEP_MM if last else spacing / 30
        climbed = with_stretch_prior(measure, motion, self.images)
        peaks = climb(climbed, motion, maps, spacing / 2, until, STEPS)
        if climbed is not measure:
            peaks = replace(peaks, values=measure.values(peaks.maps))
        found = self._places(measure, peaks, SAME_VOXELS * spacing if last else spacing)
        self.levels.append(
            {
                "spacing_mm": spacing,
                "model": motion.model,
                "places": len(maps),
                "evaluations": peaks.evaluations,
                "similarity": float(found.values[0]),
            }
        )
        return self._kept(found, peaks.maps[self.from_initial])

    def _places(self, measure: SampledMetric, peaks: Peaks, apart_mm: float) -> LocalOptima:
        """Return the different places, best first.

        Whatever the measure, they are compared by mutual information, which tells right from
        wrong places best, and by how much overlaps.
        """
        judge = measure.with_score("mi", self.settings.bins)
        scores = np.where(
            np.isfinite(peaks.values), judge.overlap_weighted_scores(peaks.maps), -np.inf
        )
        found = cluster_optima(peaks.maps, peaks.values, scores, self.images.body.points, apart_mm)
        if len(found.maps) == 0:
            raise RegistrationError(
                "too little of the fixed image maps inside the moving one from any start, or "
                "one of them is constant there; give an initial map, or look at the masks"
            )
        return found

    def _kept(self, found: LocalOptima, from_initial: FloatArray) -> LocalOptima:
        """Return the places that go on: the best, and where the initial map led.

        What is far from the initial map may look better at a coarse level only.
        """
        kept = found.best(KEPT, NEARLY)
        own = found.nearest(from_initial, self.images.body.points)
        self.from_initial = min(own, len(kept.maps))
        if own < len(kept.maps):
            return kept
        if found.scores[own] < INITIAL_KEEP_RATIO * found.scores[0]:
            self.from_initial = 0
            return kept
        return found.taken(np.r_[np.arange(len(kept.maps)), own])

    def _chosen(self, found: LocalOptima) -> LocalOptima:
        """Put first, of the places that hold the images firmly, the best.

        Of places that are as good as that, the nearest to the initial map.
        """
        if len(found.maps) == 1:
            return found
        loose = np.array([self._spread_mm(self.rigid, place) for place in found.maps])
        loose = loose > LOOSE_VOXELS * self.images.spacings[-1]
        found = found.taken(np.argsort(loose, kind="stable"))
        equal = (np.sort(loose) == loose.min()) & (found.scores >= TIE_RATIO * found.scores[0])
        away = distances_mm(found.maps, np.eye(3, 4), self.images.body.points)
        first = int(np.argmin(np.where(equal, away, np.inf)))
        return found.taken(np.r_[first, np.delete(np.arange(len(found.maps)), first)])

    def _spread_mm(self, motion: Motion, place: FloatArray) -> float:
        judge = self.finest.with_score("mi", self.settings.bins)
        step = CURVE_VOXELS * self.images.spacings[-1]
        return uncertainty_mm(judge, motion, place, self.images.independent(), step)

    def _report(self, motion: Motion, found: LocalOptima) -> None:
        """Write down how sure the result is."""
        spread = self._spread_mm(motion, found.maps[0])
        self.diagnostics |= {
            "similarity": float(found.values[0]),
            "levels": self.levels,
            "uncertainty_mm": spread,
            "warnings": self.warnings,
        }
        if spread > LOOSE_VOXELS * self.images.spacings[-1]:
            self.warnings.append(LOOSE.format(spread))
        if len(found.maps) > 1:
            self._report_second_best(found)

    def _report_second_best(self, found: LocalOptima) -> None:
        share = float(found.scores[1] / found.scores[0])
        best, body = found.maps[0], self.images.body.points
        away = float(distances_mm(found.maps[1:2], best, body)[0])
        self.diagnostics["second_best"] = {"score_ratio": share, "from_best_mm": away}
        if share >= ALIKE_SHARE:
            words = "almost as" if share < 1 else "more"  # it holds them loosely, or is farther
            self.warnings.append(ALIKE.format(away, words, share))

    def _total(self, peak: FloatArray) -> Transform:
        """Return a map about the body's centre as one of fixed to moving points."""
        about = AffineTransform.about(peak[:, :3], peak[:, 3], self.images.body.centre)
        return about @ self.images.pair.start
