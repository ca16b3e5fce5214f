"""Multi-start search from coarse to fine: the algorithm of `fast-mi` and `fast-cr`."""

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
from regkit_instance.optimizer import Maxima, maximize
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.starts import extended_starts, global_starts, subsample_starts
from regkit_instance.stretch_prior import with_stretch_prior

# Constants without another origin were chosen by hand.
# Sample points and bins with which all starts are scored at the coarsest level; the number of
# starts optimized there, and the largest number of evaluations of each.
GLOBAL_SAMPLES, GLOBAL_BINS = 700, 16
GLOBAL_CANDIDATES, GLOBAL_EVALUATIONS = 32, 15
# Largest number of optima that go on to the next level; their least score relative to the best.
MAX_CANDIDATES, KEEP_RATIO = 12, 0.8
# Least score, relative to the best, of the optimum reached from the initial transform to go on.
INITIAL_KEEP_RATIO = 0.6
# Optima with at least this score relative to the best count as equal: the nearest one is taken.
TIE_RATIO = 0.99
# Searches that end within so many voxels of each other found the same optimum.
CLUSTER_VOXELS = 4
# With a second score of at least this relative to the best, extended starts are tried as well.
AMBIGUOUS_RATIO = 0.87
# Largest number of evaluations of a search at a level; length of the step that ends the last one.
MAX_EVALUATIONS = 60
MIN_STEP_MM = 0.01
# Factor by which levels above the finest have fewer sample points.
COARSE_REDUCTION = 8
# Number of levels, the finest ones, at which models with more parameters than rigid are optimized.
AFFINE_LEVELS = 2
# Least score of the second best optimum, relative to the best, for a warning.
ALTERNATIVE_RATIO = 0.97
ALTERNATIVE = "a position {:.0f} mm away makes the images {} alike ({:.1%} of the score here)"
# Voxels over which curvature is measured (over fewer it is mostly noise), and the uncertainty in
# voxels above which a position counts as uncertain.
CURVATURE_STEP_VOXELS, MAX_UNCERTAINTY_VOXELS = 1.5, 2.0
UNCERTAIN = "noise alone leaves the position uncertain by about {:.0f} mm"


# Sample points and bins in images of so many voxels around the body or fewer; above, they grow as
# the voxels along an axis. On the average brain and itself in other intensities, 256 x 256 x 204,
# 20 bins left 0.037 mm, 32 bins 0.022, 40 bins 0.017 mm, with 80,000 points as with 320,000
# (seeds 0 and 1; with this rule, 0.019 mm on seeds 2 to 4). T1 against T2 and PD, which need not
# agree so well themselves, went from 0.26 to 0.29 mm.
SAMPLES, BINS, VOXELS = 40_000, 20, 1e6
SIZE_POWER = 1 / 3


@dataclass(frozen=True)
class MultiStartSettings:
    """Parameters of a search; see `regkit_instance.fast.FastRegistration`.

    With 0 `samples` or `bins`, their number is chosen by that of the voxels.
    """

    measure: str = "mi"
    model: Model = "rigid"
    starts: int | None = None
    levels: int = 3
    samples: int = 0
    bins: int = 0
    seed: int = 0
    threads: int = 1

    def for_voxels(self, count: float) -> MultiStartSettings:
        """Return the settings for images with so many voxels around the body."""
        larger = max(count / VOXELS, 1.0)
        samples = self.samples or round(SAMPLES * larger**SIZE_POWER)
        return replace(self, samples=samples, bins=self.bins or round(BINS * larger**SIZE_POWER))


def multistart_registration(pair: Pair, settings: MultiStartSettings) -> Estimate:
    """Return the map with the highest similarity, found from many starts.

    Raises
    ------
    RegistrationError
        An image is constant, or the images overlap too little under every start.
    """
    images = PreparedPair.prepare(pair, settings.levels, settings.seed)
    start = pair.start
    if not (
        images.moving_is_part
        and isinstance(start, AffineTransform)
        and settings.model != "anisotropic"  # whose inverses are of another kind
    ):
        return MultiStartSearch(images, settings).run()
    # Most sample points of the large image would map outside the small one: take points of that.
    swapped = Pair(pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask, start.inverse())
    found = MultiStartSearch(
        PreparedPair.prepare(swapped, settings.levels, settings.seed), settings
    ).run()
    diagnostics = {**found.diagnostics, "sampled": "moving"}
    return Estimate(found.transform.inverse(), diagnostics=diagnostics)


class MultiStartSearch:
    """One registration: the images at every level, the diagnostics and the warnings."""

    def __init__(self, images: PreparedPair, settings: MultiStartSettings) -> None:
        self.images, self.settings = images, settings
        self.settings = settings.for_voxels(images.independent_samples())
        self.rigid = Motion("rigid", images.body.radius_mm)
        self.diagnostics: dict[str, object] = {}
        self.levels: list[dict[str, object]] = []
        self.warnings: list[str] = []
        self.from_initial = 0  # index of the candidate that the initial transform led to

    def run(self) -> Estimate:
        """Search globally, refine level by level, then add the parameters of non-rigid models."""
        count = len(self.images.spacings)
        maps = self._global_search()
        for level in range(count):
            found = self._refine(level, maps, self.rigid)
            maps = found.maps
        found, motion = self.best_first(found), self.rigid
        if self.settings.model != "rigid":
            motion = replace(self.rigid, model=self.settings.model)
            for level in range(max(count - AFFINE_LEVELS, 0), count):
                self.from_initial = 0
                best = self._refine(level, found.maps[:1], motion)
                found = replace(found, maps=best.maps[:1])
        self._report(motion, found)
        return Estimate(self._total(found.maps[0]), diagnostics=self.diagnostics)

    def _global_search(self) -> FloatArray:
        """Score all starts at the coarsest level; optimize from the best and the initial one."""
        settings = self.settings
        if settings.starts == 1:
            return np.eye(3, 4)[None]
        measure = self.images.measure("mi", 0, GLOBAL_SAMPLES, GLOBAL_BINS, settings.threads)
        centres = np.stack([self.images.moving_centroid, self.images.pair.moving.grid.centre])
        starts = global_starts(centres - self.images.body.centre, self.rigid.radius_mm)
        if settings.starts is not None:
            starts = subsample_starts(starts, settings.starts)
        found, from_initial = self._optimize_starts(measure, starts, np.empty((0, 3, 4)))
        if settings.starts is None and found.is_ambiguous(AMBIGUOUS_RATIO):
            centre = self.images.moving_centroid - self.images.body.centre
            more = extended_starts(centre, self.rigid.radius_mm)
            self.diagnostics["extended_starts"] = len(more)
            found, _ = self._optimize_starts(measure, more, found.maps)
        self.diagnostics |= {
            "starts": len(starts),
            "local_optima": found.summary(self.images.body.points),
        }
        return self._candidates(found, from_initial).maps

    def _optimize_starts(
        self, measure: SampledMetric, starts: FloatArray, known: FloatArray
    ) -> tuple[LocalOptima, FloatArray]:
        """Optimize from the first start, the best-scored ones and the maps known already.

        Returns the local optima, and the end of the search from the first start.
        """
        order = np.argsort(-measure.overlap_weighted_scores(starts), kind="stable")[
            :GLOBAL_CANDIDATES
        ]
        chosen = np.concatenate([[0], order[order != 0]])
        spacing = self.images.spacings[0]
        maps = np.concatenate([known, starts[chosen]])
        peaks = maximize(measure, self.rigid, maps, spacing, spacing / 10, GLOBAL_EVALUATIONS)
        found = self._cluster(measure, peaks, CLUSTER_VOXELS / 2 * spacing)
        return found, peaks.maps[len(known)]

    def _refine(self, level: int, maps: FloatArray, motion: Motion) -> LocalOptima:
        """Optimize from each map at a level, and return the candidates for the next one."""
        spacing, last = self.images.spacings[level], level == len(self.images.spacings) - 1
        settings = self.settings
        samples = settings.samples // (1 if last else COARSE_REDUCTION)
        measure = self.images.measure(
            settings.measure, level, samples, settings.bins, settings.threads
        )
        self.finest = measure
        until = MIN_STEP_MM if last else spacing / 30
        objective = with_stretch_prior(measure, motion, self.images)
        peaks = maximize(objective, motion, maps, spacing / 2, until, MAX_EVALUATIONS)
        if objective is not measure:
            peaks = replace(peaks, values=measure.values(peaks.maps))
        found = self._cluster(measure, peaks, CLUSTER_VOXELS * spacing if last else spacing)
        self.levels.append(
            {
                "spacing_mm": spacing,
                "model": motion.model,
                "candidates": len(maps),
                "evaluations": peaks.evaluations,
                "similarity": float(found.values[0]),
            }
        )
        return self._candidates(found, peaks.maps[self.from_initial])

    def _cluster(self, measure: SampledMetric, peaks: Maxima, radius_mm: float) -> LocalOptima:
        """Return the distinct optima, best first.

        Whatever the measure, their score is mutual information weighted by overlap: it separates
        right from wrong optima best.
        """
        information = measure.with_score("mi", self.settings.bins)
        scores = np.where(
            np.isfinite(peaks.values), information.overlap_weighted_scores(peaks.maps), -np.inf
        )
        found = cluster_optima(
            peaks.maps, peaks.values, scores, self.images.body.points, radius_mm
        )
        if len(found.maps) == 0:
            raise RegistrationError(
                "too little of the fixed image maps inside the moving one from any start, or "
                "one of them is constant there; give an initial transform, or check the masks"
            )
        return found

    def _candidates(self, found: LocalOptima, from_initial: FloatArray) -> LocalOptima:
        """Return the optima that go on: the best, and the one reached from the initial transform.

        Optima far from the initial transform may score higher at a coarse level only.
        """
        best = found.best(MAX_CANDIDATES, KEEP_RATIO)
        index = found.nearest(from_initial, self.images.body.points)
        self.from_initial = min(index, len(best.maps))
        if index < len(best.maps):
            return best
        if found.scores[index] < INITIAL_KEEP_RATIO * found.scores[0]:
            self.from_initial = 0
            return best
        return found.select(np.r_[np.arange(len(best.maps)), index])

    def best_first(self, found: LocalOptima) -> LocalOptima:
        """Put first the best of the well-determined optima.

        Of optima with equal scores, that is the nearest to the initial transform.
        """
        if len(found.maps) == 1:
            return found
        uncertainties = np.array([self.uncertainty_mm(self.rigid, peak) for peak in found.maps])
        uncertain = uncertainties > MAX_UNCERTAINTY_VOXELS * self.images.spacings[-1]
        found = found.select(np.argsort(uncertain, kind="stable"))
        equal = np.sort(uncertain) == uncertain.min()
        equal &= found.scores >= TIE_RATIO * found.scores[0]
        from_initial = distances_mm(found.maps, np.eye(3, 4), self.images.body.points)
        first = int(np.argmin(np.where(equal, from_initial, np.inf)))
        return found.select(np.r_[first, np.delete(np.arange(len(found.maps)), first)])

    def uncertainty_mm(self, motion: Motion, peak: FloatArray) -> float:
        """Return by how many mm noise alone may move a local optimum."""
        information = self.finest.with_score("mi", self.settings.bins)
        step = CURVATURE_STEP_VOXELS * self.images.spacings[-1]
        samples = self.images.independent_samples()
        return uncertainty_mm(information, motion, peak, samples, step)

    def _report(self, motion: Motion, found: LocalOptima) -> None:
        """Fill in the diagnostics and warnings about the result."""
        uncertainty = self.uncertainty_mm(motion, found.maps[0])
        self.diagnostics |= {
            "similarity": float(found.values[0]),
            "levels": self.levels,
            "uncertainty_mm": uncertainty,
            "warnings": self.warnings,
        }
        if uncertainty > MAX_UNCERTAINTY_VOXELS * self.images.spacings[-1]:
            self.warnings.append(UNCERTAIN.format(uncertainty))
        if len(found.maps) > 1:
            self.report_second_best(found)

    def report_second_best(self, found: LocalOptima) -> None:
        """Add the second best optimum to the diagnostics; warn where it is nearly as good."""
        ratio = float(found.scores[1] / found.scores[0])
        best, body = found.maps[0], self.images.body.points
        distance = float(distances_mm(found.maps[1:2], best, body)[0])
        self.diagnostics["second_best"] = {"score_ratio": ratio, "from_best_mm": distance}
        if ratio >= ALTERNATIVE_RATIO:
            # A higher score comes second if its position is uncertain or farther away.
            words = "almost as" if ratio < 1 else "more"
            self.warnings.append(ALTERNATIVE.format(distance, words, ratio))

    def _total(self, peak: FloatArray) -> Transform:
        """Return the map of fixed to moving points of a correction about the body's centre."""
        about = AffineTransform.about(peak[:, :3], peak[:, 3], self.images.body.centre)
        return about @ self.images.pair.start
