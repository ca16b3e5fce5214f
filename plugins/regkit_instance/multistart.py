"""Multi-start search from coarse to fine: the algorithm of `fast-mi` and `fast-cr`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit.working import tell_progress
from regkit_instance.local_optima import (
    MAX_UNCERTAINTY_MM,
    LocalOptima,
    cluster_optima,
    distances_mm,
    uncertainty_mm,
)
from regkit_instance.measures import SampledMetric
from regkit_instance.motion import Model, Motion
from regkit_instance.optimizer import Maxima, maximize
from regkit_instance.prepared_pair import PreparedPair, unmasked_pair
from regkit_instance.starts import extended_starts, global_starts, local_starts, subsample_starts
from regkit_instance.stretch_prior import with_stretch_prior

# Constants without another origin were chosen by hand.
# Sample points and bins with which all starts are scored at the coarsest level; the number of
# starts optimized there, and the largest number of evaluations of each.
GLOBAL_SAMPLES, GLOBAL_BINS = 700, 16
GLOBAL_CANDIDATES, GLOBAL_EVALUATIONS = 32, 15
# Largest number of optima that go on to the next level; their least score relative to the best.
MAX_CANDIDATES, KEEP_RATIO = 12, 0.8
# Share of the score that an optimum loses for its distance from the initial transform, in
# proportion up to a radius of the body: it decides between optima whose scores are as good as
# equal. Chosen on the odd seeds of a set of random crops and masks of heads, torsos and thighs.
PRIOR = 0.07
# Optima down to this score relative to the best are as good as equal: a well-determined one goes
# first, and a warning tells that there are several.
EQUAL_RATIO = 0.95
# Searches that end within so many voxels of each other found the same optimum.
CLUSTER_VOXELS = 4
# With a second score of at least this relative to the best, or a best one of less than so many
# times the mutual information of unrelated images, extended starts are tried as well.
AMBIGUOUS_RATIO, WEAK = 0.87, 2 * (GLOBAL_BINS - 1) ** 2 / (2 * GLOBAL_SAMPLES)
# Then starts around the initial transform are, too: sample points that score these, and number
# optimized. Chosen, as `local_starts`, on 40 mr-us (validation, seed 3; train, seed 5): 3 lost, 8
# with 27 shifts alone. Of 16 others (test, seed 11), 1 and 2.
LOCAL_SAMPLES, LOCAL_CANDIDATES = 3000, 96
# Largest number of evaluations of a search at the last level and at each one before it, where
# rough is enough; length of the step that ends the last one, and those before it.
MAX_EVALUATIONS, COARSE_EVALUATIONS = 60, 20
MIN_STEP_MM, MIN_STEP_VOXELS = 0.01, 0.1
# Length of the first step of a search at a level, about as far as the level before leaves it from
# its end (2 mm brains: 0.14 to 0.2 voxels), and of the longest steps.
FIRST_STEP_VOXELS, LONGEST_STEP_VOXELS = 1 / 6, 2.0
# Factor by which levels above the finest have fewer sample points, as have the comparison of the
# candidates at the finest and the curvature there: the uncertainties of nine pairs (heads, slabs
# of one, thoraxes) are within 4 % of those from all points.
COARSE_REDUCTION = 8
# Number of levels, the finest ones, at which models with more parameters than rigid are optimized.
AFFINE_LEVELS = 2
ALTERNATIVE = "a position {:.0f} mm away makes the images {} alike ({:.1%} of the score here)"
# Voxels over which curvature is measured (over fewer it is mostly noise), and the uncertainty in
# voxels above which a position counts as uncertain.
CURVATURE_STEP_VOXELS, MAX_UNCERTAINTY_VOXELS = 1.5, 2.0
UNCERTAIN = "noise alone leaves the position uncertain by about {:.0f} mm"
UNDETERMINED = "in some direction the position is not determined: the similarity has no peak there"

# Sample points and bins in images of so many voxels around the body or fewer; above, they grow
# with these powers of the number. On the average brain and itself in other intensities, 256 x 256
# x 204, 48 bins left 0.035 mm, 56 bins 0.026, 72 bins 0.021 and 96 bins 0.017 mm (seed 0); 80,000
# points are as good as 320,000. T1 against T2 and PD, which need not agree so well themselves,
# went from 0.26 mm with 48 bins to 0.30 with 72.
SAMPLES, BINS, VOXELS = 40_000, 20, 1e6
SAMPLES_POWER, BINS_POWER = 1 / 3, 1 / 2


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
        samples = self.samples or round(SAMPLES * larger**SAMPLES_POWER)
        return replace(self, samples=samples, bins=self.bins or round(BINS * larger**BINS_POWER))


def multistart_registration(pair: Pair, settings: MultiStartSettings) -> Estimate:
    """Return the map with the highest similarity, found from many starts.

    Raises
    ------
    RegistrationError
        An image is constant, or the images overlap too little under every start.
    """
    images = _prepared(pair, settings)
    unmasked = None
    if settings.starts != 1 and (whole := unmasked_pair(pair)) is not None:
        unmasked = MultiStartSearch(_prepared(whole, settings, images.spacings[-1]), settings)
    return MultiStartSearch(images, settings, unmasked).run()


def _prepared(pair: Pair, settings: MultiStartSettings, finest_mm: float = 0.0) -> PreparedPair:
    """Prepare a pair, with the small image as the fixed one if the moving one shows a part.

    Otherwise, most sample points of the large image would map outside the small one.
    """
    prepare = partial(
        PreparedPair.prepare,
        pair,
        settings.levels,
        settings.seed,
        finest_mm,
        threads=settings.threads,
    )
    images = prepare()
    invertible = isinstance(pair.start, AffineTransform) and settings.model != "anisotropic"
    return prepare(swapped=True) if images.moving_is_part and invertible else images


class MultiStartSearch:
    """One registration: the images at every level, and what is found out about the result.

    The optimum that the initial transform leads to is a candidate at every level: at a coarse one,
    places far away may look better.

    Parameters
    ----------
    images
        The images.
    settings
        Parameters.
    unmasked
        The search of the same images without their masks, which knows places for a masked part.
    """

    def __init__(
        self,
        images: PreparedPair,
        settings: MultiStartSettings,
        unmasked: MultiStartSearch | None = None,
    ) -> None:
        self.images, self.unmasked = images, unmasked
        self.settings = settings.for_voxels(images.independent_samples())
        self.rigid = Motion("rigid", images.body.radius_mm)
        self.diagnostics: dict[str, object] = {}
        self.levels: list[dict[str, object]] = []
        self.warnings: list[str] = []
        self.remarks: list[str] = []
        # Number of maps, the first ones, that began at or around the initial transform.
        self.local = 1
        self.from_initial: list[int] = []  # the optima that they led to

    def run(self) -> Estimate:
        """Search from coarse to fine, decide at the finest level, then fit non-rigid models."""
        count = len(self.images.spacings)
        maps = self.candidates()
        if self.unmasked is not None:
            others = self.unmasked
            maps = np.concatenate([maps, others.as_maps_of(self, others.candidates())])
        if len(maps) > 1:
            found = self._refine(count - 1, maps, self.rigid, COARSE_REDUCTION)
            maps = found.best(MAX_CANDIDATES, KEEP_RATIO).maps
        found = self.best_first(self._refine(count - 1, maps, self.rigid))
        motion = self.rigid
        if self.settings.model != "rigid":
            motion = replace(self.rigid, model=self.settings.model)
            for level in range(max(count - AFFINE_LEVELS, 0), count):
                reduction = 1 if level == count - 1 else COARSE_REDUCTION
                best = self._refine(level, found.maps[:1], motion, reduction)
                found = replace(found, maps=best.maps[:1])
        self._report(motion, found)
        return Estimate(self.images.to_transform(found.maps[0]), diagnostics=self.diagnostics)

    def candidates(self) -> FloatArray:
        """Return the maps to compare at the finest level, from the initial transform first."""
        maps = self._global_search()
        self.images.draw_ahead(self.settings.samples, COARSE_REDUCTION, self.settings.threads)
        for level in range(len(self.images.spacings) - 1):
            found = self._refine(level, maps, self.rigid, COARSE_REDUCTION)
            maps = self._best_after_initial(found)
        return maps

    def as_maps_of(self, other: MultiStartSearch, maps: FloatArray) -> FloatArray:
        """Return maps of this search as the maps of another search of the same images."""
        return np.stack([other.images.to_map(self.images.to_correction(m)) for m in maps])

    def _global_search(self) -> FloatArray:
        """Score all starts at the coarsest level; optimize from the best and the initial one."""
        settings = self.settings
        if settings.starts == 1:
            return np.eye(3, 4)[None]
        tell_progress("global search")
        measure = self.images.measure("mi", 0, GLOBAL_SAMPLES, GLOBAL_BINS, settings.threads)
        centres = np.stack([self.images.moving_centroid, self.images.pair.moving.grid.centre])
        starts = global_starts(centres - self.images.body.centre, self.rigid.radius_mm)
        if settings.starts is not None:
            starts = subsample_starts(starts, settings.starts)
        found = self._optimize_starts(measure, starts, np.empty((0, 3, 4)), GLOBAL_CANDIDATES)
        around = np.eye(3, 4)[None]
        doubtful = found.is_ambiguous(AMBIGUOUS_RATIO) or found.scores[0] < WEAK
        if settings.starts is None and doubtful:
            centre = self.images.moving_centroid - self.images.body.centre
            more = extended_starts(centre, self.rigid.radius_mm)
            self.diagnostics["extended_starts"] = len(more)
            found = self._optimize_starts(measure, more, found.maps, GLOBAL_CANDIDATES)
            around = np.concatenate([around, self._optima_around()])
        self.diagnostics |= {
            "starts": len(starts),
            "local_optima": found.summary(self.images.body.scatter),
        }
        # The initial transform itself, not where the coarse search from it ends: what `starts=1`
        # finds always competes.
        self.local = len(around)
        return np.concatenate([around, found.best(MAX_CANDIDATES, KEEP_RATIO).maps])

    def _optima_around(self) -> FloatArray:
        """Return the best optima around the initial transform at the coarsest level, (B, 3, 4)."""
        measure = self.images.measure("mi", 0, LOCAL_SAMPLES, GLOBAL_BINS, self.settings.threads)
        starts = local_starts(self.rigid.radius_mm)
        found = self._optimize_starts(measure, starts, np.empty((0, 3, 4)), LOCAL_CANDIDATES)
        return found.best(MAX_CANDIDATES, KEEP_RATIO).maps

    def _optimize_starts(
        self, measure: SampledMetric, starts: FloatArray, known: FloatArray, count: int
    ) -> LocalOptima:
        """Optimize from `count` starts, those with the best scores, and from the maps known."""
        order = np.argsort(-measure.overlap_weighted_scores(starts), kind="stable")
        spacing = self.images.spacings[0]
        maps = np.concatenate([known, starts[order[:count]]])
        until = MIN_STEP_VOXELS * spacing
        peaks = maximize(measure, self.rigid, maps, spacing, until, GLOBAL_EVALUATIONS)
        return self._cluster(measure, peaks, CLUSTER_VOXELS / 2 * spacing)

    def _refine(
        self, level: int, maps: FloatArray, motion: Motion, reduction: int = 1
    ) -> LocalOptima:
        """Optimize from each map at a level with fewer samples by a factor, and cluster the ends.

        `from_initial` are the optima that the initial transform and those around it led to.
        """
        count = len(self.images.spacings)
        spacing, last = self.images.spacings[level], level == count - 1
        tell_progress(f"level {level + 1} of {count}", (level + 1) / (count + 2))
        settings = self.settings
        measure = self.images.measure(
            *(settings.measure, level, settings.samples // reduction),
            *(settings.bins, settings.threads),
        )
        exact = reduction == 1
        until = MIN_STEP_MM if exact else MIN_STEP_VOXELS * spacing
        most = MAX_EVALUATIONS if exact else COARSE_EVALUATIONS
        objective = with_stretch_prior(measure, motion, self.images)
        first, longest = FIRST_STEP_VOXELS * spacing, LONGEST_STEP_VOXELS * spacing
        peaks = maximize(objective, motion, maps, first, until, most, longest)
        if objective is not measure:
            peaks = replace(peaks, values=measure.values(peaks.maps))
        found = self._cluster(measure, peaks, CLUSTER_VOXELS * spacing if last else spacing)
        self.levels.append(
            {
                "spacing_mm": spacing,
                "model": motion.model,
                "samples": len(measure.points.values),
                "candidates": len(maps),
                "evaluations": peaks.evaluations,
                "similarity": float(found.values[0]),
            }
        )
        scatter = self.images.body.scatter
        self.from_initial = [found.nearest(peak, scatter) for peak in peaks.maps[: self.local]]
        return found

    def _cluster(self, measure: SampledMetric, peaks: Maxima, radius_mm: float) -> LocalOptima:
        """Return the distinct optima, best first; see `_scores`."""
        scores = np.where(np.isfinite(peaks.values), self._scores(measure, peaks.maps), -np.inf)
        found = cluster_optima(
            peaks.maps, peaks.values, scores, self.images.body.scatter, radius_mm
        )
        if len(found.maps) == 0:
            raise RegistrationError(
                "too little of the fixed image maps inside the moving one from any start, or "
                "one of them is constant there; give an initial transform, or larger masks"
            )
        return found

    def _scores(self, measure: SampledMetric, maps: FloatArray) -> FloatArray:
        """Return what optima are compared by, whatever the measure, (B,).

        It is mutual information weighted by overlap, which separates right from wrong optima
        best. With masks, at the finest level, it is the geometric mean of that in the masks and
        that without: several places may be like a part, but only one puts the rest right as well.
        """
        scores = measure.with_score("mi", self.settings.bins).overlap_weighted_scores(maps)
        last = measure.level is self.images.moving[-1]
        if self.unmasked is None or not last:
            return scores
        rest = self.unmasked
        of_rest = rest.finest_information.overlap_weighted_scores(self.as_maps_of(rest, maps))
        if not np.isfinite(of_rest).any():
            return scores
        known = np.isfinite(scores) & np.isfinite(of_rest)
        product = np.where(known, scores, 0.0) * np.where(known, of_rest, 0.0)
        return np.where(known, np.sqrt(product), -np.inf)

    @cached_property
    def finest_information(self) -> SampledMetric:
        """Return mutual information at the finest level, with as many samples as at others."""
        return self._information(self.settings.samples // COARSE_REDUCTION)

    def _information(self, samples: int) -> SampledMetric:
        settings, last = self.settings, len(self.images.spacings) - 1
        return self.images.measure("mi", last, samples, settings.bins, settings.threads)

    def _best_after_initial(self, found: LocalOptima) -> FloatArray:
        """Return the maps for the next level, the best, but those kept in any case first.

        These are where the initial transform led to, and the best of those around it.
        """
        kept = list(dict.fromkeys([self.from_initial[0], min(self.from_initial)]))
        self.local = len(kept)
        best = found.scores[:MAX_CANDIDATES] >= KEEP_RATIO * found.scores[0]
        return found.maps[[*kept, *(k for k in np.flatnonzero(best) if k not in kept)]]

    def best_first(self, found: LocalOptima) -> LocalOptima:
        """Put first the best of the optima, with a prior for the initial transform.

        Of optima that are as good as equal, one whose position is well determined is better.
        """
        away = distances_mm(found.maps, np.eye(3, 4), self.images.body.scatter)
        worth = found.scores * (1 - PRIOR * np.minimum(away / self.rigid.radius_mm, 1))
        equal = np.flatnonzero(worth >= EQUAL_RATIO * worth.max())
        equal = equal[np.argsort(-worth[equal], kind="stable")]
        first = equal[0]
        if len(equal) > 1:
            limit = MAX_UNCERTAINTY_VOXELS * self.images.spacings[-1]
            uncertain = [self.uncertainty_mm(self.rigid, found.maps[k]) > limit for k in equal]
            first = equal[np.argmin(uncertain)]
        return found.select(np.r_[first, np.delete(np.arange(len(found.maps)), first)])

    def uncertainty_mm(self, motion: Motion, peak: FloatArray) -> float:
        """Return by how many mm noise alone may move a local optimum.

        Where few sample points find no peak, which may be their noise, all of them are used.
        """
        few = self._uncertainty_mm(motion, peak, self.finest_information)
        if few <= MAX_UNCERTAINTY_VOXELS * self.images.spacings[-1]:
            return few
        return self._uncertainty_mm(motion, peak, self._information(self.settings.samples))

    def _uncertainty_mm(self, motion: Motion, peak: FloatArray, measure: SampledMetric) -> float:
        step = CURVATURE_STEP_VOXELS * self.images.spacings[-1]
        samples = self.images.independent_samples()
        return uncertainty_mm(measure, motion, peak, samples, step)

    def _report(self, motion: Motion, found: LocalOptima) -> None:
        """Fill in the diagnostics, warnings and remarks about the result."""
        uncertainty = self.uncertainty_mm(motion, found.maps[0])
        self.diagnostics |= {
            "similarity": float(found.values[0]),
            "levels": self.levels,
            "uncertainty_mm": uncertainty,
            "warnings": self.warnings,
            "remarks": self.remarks,
        }
        if self.images.swapped:
            self.diagnostics["sampled"] = "moving"
        if uncertainty > MAX_UNCERTAINTY_VOXELS * self.images.spacings[-1]:
            unresolved = uncertainty >= MAX_UNCERTAINTY_MM
            self.remarks.append(UNDETERMINED if unresolved else UNCERTAIN.format(uncertainty))
        if len(found.maps) > 1:
            self.report_second_best(found)

    def report_second_best(self, found: LocalOptima) -> None:
        """Add the second best optimum to the diagnostics; warn where it is nearly as good."""
        ratio = float(found.scores[1] / found.scores[0])
        best, scatter = found.maps[0], self.images.body.scatter
        distance = float(distances_mm(found.maps[1:2], best, scatter)[0])
        self.diagnostics["second_best"] = {"score_ratio": ratio, "from_best_mm": distance}
        if ratio >= EQUAL_RATIO:
            # A higher score comes second if its position is uncertain or farther away.
            words = "almost as" if ratio < 1 else "more"
            self.warnings.append(ALTERNATIVE.format(distance, words, ratio))
