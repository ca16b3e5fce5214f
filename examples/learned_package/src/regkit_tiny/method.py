"""The card of the weights and the method that uses them; torch is imported on use."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from regkit import AffineTransform, Estimate, Grid, Pair, Volume
from regkit.geometry.rigid import rigid
from regkit.learning import LearnedMethod, NetworkInputs, PairCard, preprocess
from regkit.learning.iterative import register_with_model

UNITS = (20.0, 20.0, 20.0, 5.0, 5.0, 5.0)  # mm and degrees of an output of 1, about the motions'
SHAPE_ZYX, SPACING = (32, 32, 32), (13.6, 13.6, 13.6)  # spans a SPECT scan, 435 mm


def to_transform(outputs, grid: Grid) -> AffineTransform:
    """Return the map of fixed to moving points that six outputs mean."""
    shift, angles = np.split(np.asarray(outputs) * UNITS, 2)
    return rigid(angles, shift, grid.centre)


@dataclass(frozen=True, kw_only=True)
class TinyCard(PairCard):
    """The card of the weights."""

    package: ClassVar = "regkit_tiny"

    def build_network(self):
        """Return the network with random weights."""
        from .network import TinyNetwork

        return TinyNetwork(**self.switches)


@dataclass(frozen=True)
class TinyRegressor(LearnedMethod):
    """Rigid registration by a small network, in several passes."""

    card: ClassVar = TinyCard
    weights: str = "tiny-regressor"

    def infer(self, pair: Pair, trained, passes: int) -> Estimate:
        """Return the initial transform followed by the motion found."""
        grid = trained.card.grid(pair.fixed.grid.centre)
        spect = preprocess(pair.fixed, "spect", SPACING, pair.fixed_mask)
        mu_map = preprocess(pair.moving, "mu", SPACING, pair.moving_mask)
        inputs = NetworkInputs(spect, mu_map, grid)

        def estimate(fixed: Volume, moving: Volume) -> AffineTransform:
            return to_transform(trained.predict(fixed.array, moving.array)[0], grid)

        return register_with_model(pair, trained, inputs, estimate, passes)
