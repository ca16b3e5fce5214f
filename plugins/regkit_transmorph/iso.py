"""The methods `transmorph-mi-iso` and `transmorph-cr-iso`: instance-specific optimization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from regkit.errors import ParameterError, RegistrationError
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges
from regkit.weights import find_weights
from regkit_transmorph.affine_parameterization import Model, shape_of, without_shears
from regkit_transmorph.preparation import clip_hot_uptake, infer_modalities, prepare
from regkit_transmorph.preparation.hot_uptake import preprocessing_record
from regkit_transmorph.preparation.prepared import UNITS
from regkit_transmorph.registrar import TransMorph

Start = Literal["auto", "network", "search", "initial"]
LARGEST_SEED = 2**31 - 2
# Weights that `auto` may lack; it falls back to the search.
USUAL_WEIGHTS = ("transmorph-cr", "transmorph-mi")


@dataclass(frozen=True)
class InstanceSpecific:
    """Optimizes the affine map of one pair, from a network's estimate, a search or `initial`.

    Chen et al. 2024, arXiv 2409.13863.

    Parameters
    ----------
    measure
        Similarity: correlation ratio in both directions (``cr``) or mutual information (``mi``).
    start
        Start of the optimization: ``network`` for the estimate of `weights`, ``search`` for a
        multi-start search, ``initial`` for the initial transform, or ``auto``: ``network`` where
        the weights are installed and their domain guard gives no warning, else ``search``. The
        diagnostics record the choice.
    weights, passes
        See `regkit_transmorph.registrar.TransMorph`.
    iso_preset
        Optimizer: ``fast`` for the pyramid of the method ``iso`` and the similarity of whole
        images together with gradient fields, whose edges hold stretches in place, or ``paper`` for
        the published five scales and 620 steps over the 15 raw parameters of a correction of the
        start, with the similarity of patches, on images preprocessed like the network's and
        without the table; slow without a GPU.
    model
        Transform: ``affine`` (12 parameters) or ``anisotropic`` (9: rotation, translation and a
        scale along each axis). ``paper`` takes ``affine`` only.
    levels
        Number of resolution levels of ``fast``; the finest has the size of the voxels.
    samples
        Number of sampled points of ``fast``.
    bins
        Number of histogram bins per image of ``fast``.
    rate
        Learning rate of ``paper``.
    seed
        Seed of the sampled points.
    device
        Device of the network and of the optimization: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        ``auto`` is a GPU if there is one, but the CPU for the optimization of ``fast``; the
        search runs on the CPU always.
    """

    measure: Literal["cr", "mi"] = "cr"
    start: Start = "auto"
    weights: str = "transmorph-cr"
    passes: Literal["auto"] | int = "auto"
    iso_preset: Literal["fast", "paper"] = "fast"
    model: Model = "affine"
    levels: int = 3
    samples: int = 200_000
    bins: int = 32
    rate: float = 1e-4
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        self._network()  # checks weights and passes
        check_ranges(
            self,
            levels=(1, 8),
            samples=(1000, 1e7),
            bins=(8, 250),
            rate=(1e-9, 1),
            seed=(0, LARGEST_SEED),
        )
        if self.iso_preset == "paper" and self.model != "affine":
            raise ParameterError(f"iso_preset 'paper' is affine only, got model '{self.model}'")

    def register(self, pair: Pair) -> Estimate:
        """Return the optimized start."""
        pair, assumed = infer_modalities(pair)
        start, how = self._started(pair)
        found = self._refined(replace(pair, initial=start.transform))
        total = found.transform
        shape: dict[str, Any] = {}
        if isinstance(total, AffineTransform):
            if self.model == "anisotropic":
                total = without_shears(total, pair.fixed.grid.centre)
            shape = {"shape": shape_of(total)}
        # Warnings of a network's estimate that was replaced by the search are in `how`.
        both = (start.diagnostics.get("warnings", ()), found.diagnostics.get("warnings", ()))
        warnings = [*assumed, *(warning for some in both for warning in some)]
        diagnostics = {**found.diagnostics, **how, **shape, "warnings": warnings}
        return Estimate(total, diagnostics={**diagnostics, "started": start.diagnostics})

    def _started(self, pair: Pair) -> tuple[Estimate, dict[str, str]]:
        """Return the start, and the record of its kind and why it is not the network's."""
        if self.start == "initial":
            return Estimate(pair.start), {"start": "initial"}
        if self.start == "network":
            return self._network().register(pair), {"start": "network"}
        why = self._network_estimate(pair) if self.start == "auto" else "requested by start=search"
        if isinstance(why, Estimate):
            return why, {"start": "network"}
        return self._searched(pair), {"start": "search", "why": why}

    def _network_estimate(self, pair: Pair) -> Estimate | str:
        """Return the network's estimate, or the reason not to use it."""
        usual = self.weights in USUAL_WEIGHTS
        if usual and find_weights(self.weights, "regkit_transmorph") is None:
            return f"there are no weights {self.weights}"
        try:
            found = self._network().register(pair)
        except RegistrationError as error:
            return str(error)
        return "; ".join(found.diagnostics["warnings"]) or found

    def _network(self) -> TransMorph:
        return TransMorph(self.weights, self.passes, self.device, self.model)

    def _searched(self, pair: Pair) -> Estimate:
        from regkit_instance.multistart import MultiStartSettings, multistart_registration  # noqa: PLC0415 - loads numba

        settings = MultiStartSettings(self.measure, self.model, seed=self.seed)
        return multistart_registration(pair, settings)

    def _refined(self, pair: Pair) -> Estimate:
        if self.iso_preset == "fast":
            return self._refined_fast(pair)
        return self._refined_as_published(pair)

    def _refined_fast(self, pair: Pair) -> Estimate:
        from regkit_instance.refinement import RefinementSettings, refine  # noqa: PLC0415 - loads numba

        # On coarser voxels, or after a square root, the body's outline moves and biases scales.
        finest = float(np.prod([*pair.fixed.grid.spacing, *pair.moving.grid.spacing]) ** (1 / 6))
        settings = RefinementSettings(
            f"{self.measure}-ngf",
            self.model,
            self.levels,
            self.samples,
            self.bins,
            self.seed,
            finest,
        )
        ready = replace(
            pair, fixed=clip_hot_uptake(pair.fixed), moving=clip_hot_uptake(pair.moving)
        )
        found = refine(ready, settings, self.device)
        images = {"fixed": pair.fixed, "moving": pair.moving}
        record = {role: preprocessing_record(image) for role, image in images.items()}
        return replace(found, diagnostics={**found.diagnostics, "preparation": record})

    def _refined_as_published(self, pair: Pair) -> Estimate:
        from regkit_instance.torch_backend import chen2024 as published  # noqa: PLC0415 - loads torch

        kinds = {pair.fixed.modality, pair.moving.modality}
        record: dict[str, Any] = {}
        if kinds <= UNITS.keys():
            fixed, moving = prepare(pair.fixed), prepare(pair.moving)
            record = {"fixed": dict(fixed.record), "moving": dict(moving.record)}
            pair = replace(pair, fixed=fixed.volume, moving=moving.volume)
        found = published.refine_chen2024(
            pair, f"local-{self.measure}", "affine", self.rate, self.device
        )
        return replace(found, diagnostics={**found.diagnostics, "preparation": record})
