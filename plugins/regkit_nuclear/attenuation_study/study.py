"""A study of one patient: the SPECT corrected with the mu-map in two places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.attenuation_study.comparison import (
    ImageDifference,
    ReconstructedImage,
    normalized_errors,
)
from regkit_nuclear.attenuation_study.heart import SampledVentricle, find_heart
from regkit_nuclear.attenuation_study.residual import (
    ResidualEffect,
    ResidualMisalignment,
    residual_effect,
)
from regkit_nuclear.spect.attenuation import attenuation_on
from regkit_nuclear.spect.osem import OsemSettings, reconstruct
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.threads import run_concurrently

DEFAULT_SETTINGS = OsemSettings()
NAC, HEADER, ALIGNED = "nac", "header", "aligned"
TITLES = {
    NAC: "no attenuation correction",
    HEADER: "attenuation map as in its header",
    ALIGNED: "attenuation map aligned by the transform",
}
# Least fraction of the heart's wall that the mu-map must cover with more than air; chosen by hand.
MIN_COVERED = 0.5
AIR_MU = 0.02  # 1/cm; below the lung's 0.042


@dataclass(frozen=True, eq=False)
class AttenuationStudy:
    """The SPECT of a heart, corrected with the mu-map in two places.

    Parameters
    ----------
    projections
        Measured counts.
    mu
        Attenuation map in 1/cm.
    transform
        Map of points of the SPECT to points of the mu-map, LPS mm; None if only the header places
        it.
    images
        Reconstructions: without correction, with the mu-map as in its header and, with a
        transform, aligned by it.
    heart
        Ventricle in whose wall the polar maps are sampled.
    settings
        Settings of the reconstruction.
    residual
        Effect of a remaining misalignment; None if none was asked for.
    notes
        Sentences on what was assumed or should be looked at.
    """

    projections: Projections
    mu: Volume
    transform: Transform | None
    images: tuple[ReconstructedImage, ...]
    heart: SampledVentricle
    settings: OsemSettings
    residual: ResidualEffect | None = None
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> ReconstructedImage:
        """The reconstruction that the others are compared with: the best aligned one."""
        return self.images[-1]

    @cached_property
    def differences(self) -> tuple[ImageDifference, ...]:
        """The differences of the other reconstructions from the reference."""
        return tuple(ImageDifference(image, self.reference) for image in self.images[:-1])

    @cached_property
    def mu_errors_pct(self) -> tuple[float, float] | None:
        """NMSE and NMAE of the mu-map as in its header against the aligned one, percent."""
        if self.transform is None:
            return None
        grid = self.projections.grid
        header, aligned = (
            attenuation_on(grid, self.mu, through) for through in (IDENTITY, self.transform)
        )
        return normalized_errors(header, aligned)


def study_attenuation(
    projections: Projections,
    mu: Volume,
    transform: Transform | None = None,
    *,
    labels: LabelMap | None = None,
    method: str = "",
    residual: ResidualMisalignment | None = None,
    settings: OsemSettings = DEFAULT_SETTINGS,
    on_stage: Callable[[str], None] = lambda _: None,
) -> AttenuationStudy:
    """Reconstruct a SPECT with the mu-map in two places, and compare polar maps.

    Parameters
    ----------
    projections
        Measured counts; see `regkit_nuclear.spect.projection_file`.
    mu
        Attenuation map in 1/cm, in the place that its header gives.
    transform
        Map of points of the SPECT to points of `mu`, LPS mm, such as the transform of a
        registration. None for the header's place alone.
    labels
        Left ventricle in the space of the SPECT: 1 myocardium, 2 blood pool. None to find it in
        the corrected SPECT by `method`.
    method
        Method that segments the ventricle; empty for that of ``regkit reorient``.
    residual
        Misalignment that may remain, whose effect on the polar map is sampled; None for none.
    settings
        Settings of the reconstruction.
    on_stage
        Function that is told what is being done.

    Raises
    ------
    RegistrationError
        The projections hold no counts, there is no left ventricle, or the mu-map is elsewhere.
    """
    if not projections.counts.any():
        raise RegistrationError("the projections hold no counts")
    on_stage("reconstructing")
    volumes = _reconstructed(projections, mu, transform, settings)
    on_stage("finding the left ventricle")
    best = list(volumes)[-1]
    heart = find_heart(volumes[best], labels, method, settings.device)
    through = IDENTITY if transform is None else transform
    notes = (*projections.remarks, *_coverage_notes(heart, mu, transform))
    images = tuple(
        ReconstructedImage(name, TITLES[name], volume, heart.sample(volume))
        for name, volume in volumes.items()
    )
    effect = None
    if residual is not None:
        words = f"{{}} of {residual.samples} misalignments sampled"
        show = partial(_show_count, on_stage, words)
        effect = residual_effect(
            *(projections, mu, through, heart, residual), settings=settings, on_sample=show
        )
    return AttenuationStudy(projections, mu, transform, images, heart, settings, effect, notes)


def _show_count(on_stage: Callable[[str], None], words: str, count: int) -> None:
    on_stage(words.format(count))


def _reconstructed(
    projections: Projections, mu: Volume, transform: Transform | None, settings: OsemSettings
) -> dict[str, Volume]:
    """Return the reconstructions by name; the best aligned one is the last."""
    once = partial(reconstruct, projections, **asdict(settings))
    tasks = {NAC: once, HEADER: partial(once, mu)}
    if transform is not None:
        tasks[ALIGNED] = partial(once, mu, transform)
    return dict(zip(tasks, run_concurrently(*tasks.values()), strict=True))


def _coverage_notes(heart: SampledVentricle, mu: Volume, transform: Transform | None) -> list[str]:
    """Return sentences on a mu-map without tissue at the heart; refuse it as a reference."""
    notes = []
    for name, through in ((HEADER, IDENTITY), (ALIGNED, transform)):
        if through is None:
            continue
        covered = _covered_fraction(heart, mu, through)
        if covered >= MIN_COVERED:
            continue
        words = (
            f"with the {TITLES[name]}, {1 - covered:.0%} of the heart's wall lies in air or "
            "outside the map"
        )
        if name == ALIGNED:
            raise RegistrationError(
                f"{words}; is the transform the right way round? It maps points of the SPECT to "
                "points of the map"
            )
        notes.append(words)
    return notes


def _covered_fraction(heart: SampledVentricle, mu: Volume, through: Transform) -> float:
    """Return the fraction of the heart's wall where the mu-map shows tissue or lung."""
    found = attenuation_on(heart.ventricle.labels.grid, mu, through)
    return float(np.mean(found[heart.ventricle.myocardium] > AIR_MU))
