"""The training: cases of known motion, before and after a part of it has been found."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import l1_loss

from regkit.geometry.rigid import rigid, rigid_parameters
from regkit.geometry.transform import IDENTITY
from regkit.learning import (
    Task,
    TrainingConfig,
    centered_grid,
    measure_pair_domains,
    prepare_pair,
    train_method,
)

from .method import SHAPE_ZYX, SPACING, UNITS, TinyCard
from .network import TinyNetwork


def train_tiny_regressor(job):
    """Train the network; the trainer that `plugin.py` names."""
    return train_method(job, TinyTask)


@dataclass(frozen=True)
class TinyConfig(TrainingConfig):
    """The configuration of regkit's trainings, and the width of the network."""

    width: int = 8


class TinyTask(Task):
    """Regression of the motion between a fixed and a moving image."""

    config_class, card_class, must_match = TinyConfig, TinyCard, ("switches",)
    logged_metrics = ("loss", "dt_mm", "dr_deg")

    @staticmethod
    def prepare_case(case, config):
        """Preprocess both images once, for the voxels of the network."""
        return prepare_pair(case, "spect", "mu", SPACING)

    def build_network(self):
        """Return the network with random weights."""
        return TinyNetwork(self.config.width)

    def draw(self, seed):
        """Return a case, a pose of the patient, and a map found so far: none, or nearly right."""
        rng = np.random.default_rng(seed)
        case = self.cases[rng.integers(len(self.cases))]
        pose, error = (rigid(rng.normal(0, 2, 3), rng.normal(0, 6, 3)) for _ in range(2))
        return case, pose, case.truth @ error if rng.random() < 0.5 else IDENTITY

    def images(self, case, pose, found):
        """Return both images (1, z, y, x) as the network sees them."""
        grid = centered_grid(case.fixed.grid.centre, SHAPE_ZYX, SPACING)
        return case.fixed.resampled(grid, pose), case.moving.resampled(grid, found @ pose)

    def outputs(self, case, pose, found):
        """Return the six outputs that the network should give: the motion left."""
        left = (found @ pose).inverse() @ case.truth @ pose
        motion = rigid_parameters(left, case.fixed.grid.centre)
        return torch.tensor([*motion.translation_mm, *motion.euler_deg]) / torch.tensor(UNITS)

    def collate(self, drawn):
        """Return a batch: fixed images, moving images and outputs."""
        rows = [(*self.images(*one), self.outputs(*one)) for one in drawn]
        return [torch.stack(column).to(self.device) for column in zip(*rows, strict=True)]

    def batch(self, step, places):
        """Return a batch of random cases."""
        return self.collate([self.draw(seed) for seed in self.case_seeds(step, places)])

    def loss(self, batch, step):
        """Return the mean absolute error of the outputs."""
        fixed, moving, outputs = batch
        return l1_loss(self.network(fixed, moving), outputs)

    def validate(self, network):
        """Return the errors of one pass over the held-out cases, in mm and degrees."""
        fixed, moving, outputs = self.collate([(c, IDENTITY, IDENTITY) for c in self.held_out])
        with torch.no_grad():
            errors = (network(fixed, moving) - outputs).abs().mean(dim=0).cpu()
        shifts, angles = (errors * torch.tensor(UNITS)).view(2, 3).mean(dim=1).tolist()
        return {"dt_mm": shifts, "dr_deg": angles}

    def card_fields(self):
        """Return the fields of the card that say how the network is built and used."""
        grid = {"shape_zyx": SHAPE_ZYX, "spacing": SPACING}
        switches = {"width": self.config.width}
        return {"network": "tiny", "switches": switches, "passes": self.config.passes} | grid

    def measured_fields(self):
        """Return the domains of both images of training, for the guard."""
        pairs = (self.images(*self.draw(number)) for number in range(200))
        seen = ([image[0].cpu().numpy() for image in pair] for pair in pairs)
        return measure_pair_domains(seen, [case.facts for case in self.cases], SPACING[0])
