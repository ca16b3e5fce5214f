"""The method `iso`: instance-specific optimization of another method's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair
from regkit.registration.device import check_device_name, is_gpu
from regkit.registration.parameters import check_ranges

MeasureName = Literal[
    "auto",
    "mi",
    "nmi",
    "cr",
    "local-cr",
    "lncc",
    "ngf",
    "mi-ngf",
    "cr-ngf",
    "mi-cr-ngf",
    "mind",
    "mi-mind",
]
# What `auto` takes for a pair of modalities; all others get `OTHERWISE`. Chosen on four thighs in
# PET and CT and in MR and CT, the rows `chosen` of benchmarks/refinements.py (the other four are
# reported), and for SPECT on simulated hearts of the training split.
BEST_MEASURES: Mapping[frozenset[str], MeasureName] = {
    frozenset({"pet", "ct"}): "mind",
    frozenset({"mr", "ct"}): "mind",
    frozenset({"spect", "mu"}): "mi-cr-ngf",
    frozenset({"spect", "ct"}): "mi-cr-ngf",
}
OTHERWISE: MeasureName = "mi-ngf"
CPU_MEASURES = ("mind", "mi-mind")


@dataclass(frozen=True)
class InstanceOptimization:
    """Local optimization of a similarity measure, starting from the initial transform.

    The last stage of a pipeline, as in ``dusfe+iso`` or ``moments+iso``. Points outside the moving
    image or a mask do not count. If the result does not score higher than the initial transform at
    full resolution, the initial transform is returned.

    Parameters
    ----------
    measure
        Similarity measure: ``auto``, which is ``mind`` for PET and CT and for MR and CT (chosen on
        four real thighs, reported on four others, by benchmarks/refinements.py), ``mi-cr-ngf`` for
        SPECT with CT or an attenuation map (chosen on simulated hearts), and ``mi-ngf`` for all
        other pairs, unknown modalities, and in place of ``mind`` on a GPU and with ``paper``;
        mutual information (``mi``), normalized mutual information (``nmi``), correlation ratio in
        both directions (``cr``), the same in patches (``local-cr``), squared correlation
        coefficient in patches (``lncc``), normalized gradient fields (``ngf``), mutual information
        and gradient fields together (``mi-ngf``), whose edges counteract the bias of mutual
        information by attenuation, correlation ratio and gradient fields (``cr-ngf``), mutual
        information, correlation ratio in patches and gradient fields (``mi-cr-ngf``), which bright
        or pale organs mislead less, squared differences of self-similarity descriptors (``mind``:
        MIND-SSC, Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24), or the logarithm of
        mutual information less that of these differences (``mi-mind``).
    model
        Transform model of the correction: ``rigid``, ``similarity`` or ``affine``. With ``fast``,
        the last two have a prior on stretches; see `regkit_instance.stretch_prior`.
    preset
        Schedule. ``fast``: the pyramid and optimizer of regkit. ``paper``: the five scales and 620
        steps of Chen et al. 2024, arXiv 2409.13863, with the published loss for ``local-cr``,
        ``cr`` and ``mi``; slow without a GPU, and for small corrections only.
    levels
        Number of resolution levels of ``fast``, each twice as coarse as the next.
    finest_mm
        Spacing of the finest level in mm; 0 chooses it by voxel size and field of view, not
        finer than 3 mm for ``mind`` and 2 mm for ``mi-mind``, or 2.3 % of a small field of view.
    samples
        Number of sample points of the fixed image, for ``fast``; of descriptors, 30 % of it.
    bins
        Number of histogram bins of each image, for ``fast``.
    rate
        Learning rate of Adam, for ``paper``.
    seed
        Seed of the positions of the sample points, for ``fast``.
    device
        Device of the computation: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. ``auto`` is the CPU
        for ``fast``, and for ``paper`` a GPU if there is one. ``mind`` and ``mi-mind`` run on the
        CPU only.
    starts
        Number of starts, for ``fast``: 1 for the initial transform, 13 also for rotations of 10
        degrees about and shifts of 15 mm along each axis from there, of which the best result
        counts.
    """

    measure: MeasureName = "auto"
    model: Literal["rigid", "similarity", "affine"] = "rigid"
    preset: Literal["fast", "paper"] = "fast"
    levels: int = 3
    finest_mm: float = 0.0
    samples: int = 40_000
    bins: int = 32
    rate: float = 1e-4
    seed: int = 0
    device: str = "auto"
    starts: Literal[1, 13] = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(
            self,
            levels=(1, 8),
            finest_mm=(0, 1e3),
            samples=(100, 1e7),
            bins=(8, 250),
            rate=(1e-9, 1),
            seed=(0, 2**31),
        )
        check_device_name(self.device)
        if self.measure in CPU_MEASURES and not self._has_every_measure:
            where = "preset 'paper'" if self.preset == "paper" else f"device '{self.device}'"
            raise ParameterError(
                f"measure '{self.measure}' has compiled loops for the CPU only; {where} takes "
                "another measure"
            )

    def register(self, pair: Pair) -> Estimate:
        """Return the corrected initial transform, or that itself where nothing scores higher."""
        return self._as_published(pair) if self.preset == "paper" else self._fast(pair)

    def _fast(self, pair: Pair) -> Estimate:
        from regkit_instance.refinement import RefinementSettings, refine  # noqa: PLC0415 - loads numba

        settings = RefinementSettings(
            self._measure_for(pair),
            self.model,
            self.levels,
            self.samples,
            self.bins,
            self.seed,
            self.finest_mm,
            self.starts,
        )
        return refine(pair, settings, self.device)

    def _as_published(self, pair: Pair) -> Estimate:
        from regkit_instance.torch_backend.chen2024 import refine_chen2024  # noqa: PLC0415 - loads torch

        return refine_chen2024(pair, self._measure_for(pair), self.model, self.rate, self.device)

    def _measure_for(self, pair: Pair) -> MeasureName:
        if self.measure != "auto":
            return self.measure
        modalities = frozenset({pair.fixed.modality, pair.moving.modality})
        best = BEST_MEASURES.get(modalities, OTHERWISE)
        return OTHERWISE if best in CPU_MEASURES and not self._has_every_measure else best

    @property
    def _has_every_measure(self) -> bool:
        return self.preset == "fast" and not is_gpu(self.device)
