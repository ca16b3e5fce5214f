"""The method `iso`: instance-specific optimisation of any other method's result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges

MeasureName = Literal["mi", "nmi", "cr", "local-cr", "lncc", "ngf", "mi-ngf"]


@dataclass(frozen=True)
class InstanceOptimisation:
    """Climbs from the initial map to the nearest peak of a measure of similarity.

    The last stage of a pipeline, as in ``dusfe+iso`` or ``moments+iso``. What lies outside the
    moving image or a mask does not count. If the end is not better than the start, by the measure
    and at full resolution, the start is kept.

    Parameters
    ----------
    measure
        Mutual information (``mi``), the same normalised (``nmi``), correlation ratio both ways
        (``cr``), in patches (``local-cr``), squared correlation in patches (``lncc``),
        normalised gradient fields (``ngf``), or mutual information and gradient fields together
        (``mi-ngf``), which edges keep from the shifts that attenuation causes.
    model
        What the correction may be: ``rigid``, ``similarity`` or ``affine``. ``fast`` holds what is
        more than rigid by a prior on its stretches; see `regkit_instance.stretch_prior`.
    preset
        ``fast``: our pyramid and optimiser. ``paper``: the five scales and 620 steps of Chen et
        al. 2024, arXiv 2409.13863, with the published loss for ``local-cr``, ``cr`` and ``mi``;
        slow without a GPU, and for small corrections.
    levels
        Resolutions of ``fast``, each twice as coarse as the next.
    finest_mm
        Spacing of the finest of them in mm; 0 takes what the voxels and the field of view ask for.
    samples
        Points of the fixed image that ``fast`` compares.
    bins
        Of the intensities of each image, for ``fast``.
    rate
        Step of ``paper``'s optimiser.
    seed
        Of where the points lie.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. ``auto`` is the CPU for ``fast``, and for
        ``paper`` a GPU if there is one.
    """

    measure: MeasureName = "mi-ngf"
    model: Literal["rigid", "similarity", "affine"] = "rigid"
    preset: Literal["fast", "paper"] = "fast"
    levels: int = 3
    finest_mm: float = 0.0
    samples: int = 40_000
    bins: int = 32
    rate: float = 1e-4
    seed: int = 0
    device: str = "auto"

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
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise ParameterError(f"device takes auto, cpu, cuda or cuda:N, got '{self.device}'")

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map after a correction, or as it was."""
        return self._as_published(pair) if self.preset == "paper" else self._fast(pair)

    def _fast(self, pair: Pair) -> Estimate:
        from regkit_instance.refinement import RefinementSettings, refine  # noqa: PLC0415 - loads numba

        device = None
        if self.device.startswith("cuda"):
            from regkit_instance.torch_backend.bridge import device_named  # noqa: PLC0415 - loads torch

            device = device_named(self.device)
        settings = RefinementSettings(
            self.measure,
            self.model,
            self.levels,
            self.samples,
            self.bins,
            self.seed,
            self.finest_mm,
        )
        return refine(pair, settings, device)

    def _as_published(self, pair: Pair) -> Estimate:
        from regkit_instance.torch_backend.chen2024 import refine_chen2024  # noqa: PLC0415 - loads torch

        return refine_chen2024(pair, self.measure, self.model, self.rate, self.device)
