"""The published losses, to all published digits; and what the clean variants do better."""

import numpy as np
import pytest
import torch
from torch import Tensor

from regkit.errors import ParameterError
from regkit_instance.torch_backend import chunks
from regkit_instance.torch_backend.reference_cr import (
    correlation_ratio_loss,
    local_correlation_ratio_loss,
)
from regkit_instance.torch_backend.reference_mi import (
    local_mutual_information_loss,
    mutual_information_loss,
)


def ramp(n: int) -> Tensor:
    i, j, k = _axes(n)
    return (i + j + k) / 3


def waves(n: int) -> Tensor:
    i, j, k = _axes(n)
    return 0.5 + 0.5 * torch.sin(2 * np.pi * k) * torch.cos(np.pi * j) * (0.5 + 0.5 * i)


def _axes(n: int) -> tuple[Tensor, ...]:
    axis = torch.linspace(0, 1, n, dtype=torch.float64)
    return torch.meshgrid(axis, axis, axis, indexing="ij")


@pytest.mark.parametrize(
    ("n", "other", "published"),
    [
        (18, lambda r: r, -0.32739628),
        (18, lambda r: 1 - r, -0.32739628),
        (18, lambda r: 4 * (r - 0.5) ** 2, -0.15927692),
        (18, lambda _: waves(18), -0.03151605),
        (16, lambda _: waves(16), -0.03099369),
        (27, lambda _: waves(27), -0.03295231),
    ],
)
def test_published_values_of_the_correlation_ratio(n, other, published) -> None:
    found = correlation_ratio_loss(ramp(n), other(ramp(n)))
    assert float(found) == pytest.approx(published, abs=1e-8)


@pytest.mark.parametrize(
    ("n", "other", "published"),
    [
        (18, ramp, -0.31829612),
        (18, waves, -0.06280389),
        (16, waves, -0.24564968),
        (27, waves, -0.12129246),
        (16, lambda n: torch.full((n, n, n), 0.5, dtype=torch.float64), -0.26917272),
        (27, lambda n: torch.full((n, n, n), 0.5, dtype=torch.float64), -0.0000085),
    ],
)
def test_published_values_of_the_local_correlation_ratio(n, other, published) -> None:
    found = local_correlation_ratio_loss(ramp(n), other(n))
    assert float(found) == pytest.approx(published, abs=1e-7)


@pytest.mark.parametrize(
    ("loss", "other", "published"),
    [
        (mutual_information_loss, ramp, -1.36771818),
        (mutual_information_loss, waves, -0.13250133),
        (local_mutual_information_loss, ramp, -0.86282422),
        (local_mutual_information_loss, waves, -0.62936614),
        (lambda a, b: mutual_information_loss(a, b, 0.5, 1e-8), waves, -0.15866459),
    ],
)
def test_published_values_of_mutual_information(loss, other, published) -> None:
    assert float(loss(ramp(18), other(18))) == pytest.approx(published, abs=1e-8)


LOSSES = [
    correlation_ratio_loss,
    lambda a, b: correlation_ratio_loss(a, b, "clean"),
    local_correlation_ratio_loss,
    lambda a, b: local_correlation_ratio_loss(a, b, "clean"),
    mutual_information_loss,
    local_mutual_information_loss,
]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss) -> None:
    generator = torch.Generator().manual_seed(0)
    images = [0.05 + 0.9 * image(11) for image in (ramp, waves)]
    inputs = [image.clone().requires_grad_() for image in images]
    loss(*inputs).backward()
    for which in (0, 1):
        way = torch.randn(images[0].shape, generator=generator, dtype=torch.float64)
        ahead, behind = (
            float(loss(*(im + (i == which) * s * way for i, im in enumerate(images))))
            for s in (1e-5, -1e-5)
        )
        slope = float((inputs[which].grad * way).sum())
        assert slope == pytest.approx((ahead - behind) / 2e-5, rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_small_steps_change_nothing(loss, monkeypatch) -> None:
    def value_and_slope() -> tuple[Tensor, Tensor]:
        image = ramp(11).requires_grad_()
        value = loss(image, waves(11))
        value.backward()
        return value.detach(), image.grad

    at_once = value_and_slope()
    monkeypatch.setattr(chunks, "MAX_CHUNK_NUMBERS", 5_000)
    for whole, stepped in zip(at_once, value_and_slope(), strict=True):
        torch.testing.assert_close(stepped, whole, rtol=1e-12, atol=1e-15)


def test_a_batch_is_the_mean_of_its_images() -> None:
    one, other = torch.stack([ramp(10), waves(10)]), torch.stack([waves(10), ramp(10) ** 2])
    for loss in LOSSES:
        apart = torch.stack([loss(a, b) for a, b in zip(one, other, strict=True)]).mean()
        torch.testing.assert_close(loss(one[:, None], other[:, None]), apart)


def test_the_clean_variant_is_near_one_for_images_that_follow_from_each_other() -> None:
    folded = 4 * (ramp(16) - 0.5) ** 2
    assert float(correlation_ratio_loss(ramp(16), 1 - ramp(16), "clean")) < -0.98
    # One way only: the ramp does not follow from its folding.
    assert -0.55 < float(correlation_ratio_loss(ramp(16), folded, "clean")) < -0.47


@pytest.mark.parametrize("n", [16, 27])
def test_the_clean_variant_sees_nothing_in_a_constant_image(n: int) -> None:
    flat = torch.full((n, n, n), 0.5, dtype=torch.float64)
    assert float(local_correlation_ratio_loss(ramp(n), flat, "clean")) == pytest.approx(
        0, abs=1e-3
    )


def test_the_clean_variant_keeps_to_its_bins() -> None:
    bright = ramp(12) * 3
    clipped = bright.clamp(0, 1)
    torch.testing.assert_close(
        correlation_ratio_loss(bright, waves(12), "clean"),
        correlation_ratio_loss(clipped, waves(12), "clean"),
    )


def test_images_that_do_not_correspond_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"one grid are compared.*\(4, 4, 4\) and \(5, 5, 5"):
        correlation_ratio_loss(ramp(4), ramp(5))
