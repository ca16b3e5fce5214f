"""The course of the rate of learning."""

import pytest

from regkit.learning.optimizer import learning_rate_at
from regkit.learning.training_config import TrainingConfig


def test_a_polynomial_falls_to_zero_as_published() -> None:
    """Ni et al.: lr * (1 - t / 20000) ** 0.9."""
    course = TrainingConfig(
        steps=20_000, learning_rate=1e-4, lr_schedule="polynomial", decay_rate=0.9
    )
    for step in (0, 1, 10_000, 19_999):
        assert learning_rate_at(course, step) == pytest.approx(1e-4 * (1 - step / 20_000) ** 0.9)
