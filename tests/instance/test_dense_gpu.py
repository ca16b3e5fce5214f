"""On a GPU the dense measures and the published schedule give the numbers of the CPU."""

import numpy as np
import pytest
import torch

from dense_scenes import MEASURES, maps, measure, related, scene
from phantoms import MOTION, small_pair
from regkit_instance.iso import InstanceOptimization
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.reference_cr import (
    correlation_ratio_loss,
    local_correlation_ratio_loss,
)
from regkit_instance.torch_backend.reference_mi import mutual_information_loss

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device("cuda")


def _on(where: PointSampler, device: torch.device) -> PointSampler:
    return PointSampler(
        where.points.to(device), where.moving.to(device), where.to_index.to(device)
    )


@pytest.mark.parametrize("name", MEASURES)
def test_values_and_gradients_are_those_of_the_cpu(cuda, name: str) -> None:
    where = scene()
    fixed = None if name == "ngf" else related(where)
    expected = measure(where, name, fixed).values_and_gradients(maps())
    there = None if fixed is None else fixed.to(cuda)
    found = measure(_on(where, cuda), name, there).values_and_gradients(maps().to(cuda))
    for value, other in zip(found, expected, strict=True):
        torch.testing.assert_close(value.cpu(), other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", MEASURES)
def test_two_runs_are_the_same_to_the_last_digit(cuda, name: str) -> None:
    where = _on(scene(dtype=torch.float32), cuda)
    at = maps(2, 64).to(cuda)
    judge = measure(where, name)
    first = judge.values_and_gradients(at)
    for _ in range(5):
        for value, other in zip(judge.values_and_gradients(at), first, strict=True):
            assert torch.equal(value, other)


@pytest.mark.parametrize(
    "loss", [correlation_ratio_loss, local_correlation_ratio_loss, mutual_information_loss]
)
def test_published_losses_are_those_of_the_cpu(cuda, loss) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((2, 1, 20, 20, 20), generator=generator, dtype=torch.float64)
    results = []
    for device in (torch.device("cpu"), cuda):
        one = images[:1].to(device).requires_grad_()
        value = loss(one, images[1:].to(device))
        value.backward()
        results.append((value.detach().cpu(), one.grad.cpu()))
    torch.testing.assert_close(results[1], results[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_iso_ends_where_it_ends_on_the_cpu(cuda, name: str) -> None:
    pair = small_pair()
    ends = [InstanceOptimization(name, device=device).register(pair) for device in ("cpu", "cuda")]
    body = np.random.default_rng(0).uniform(-70, 70, (200, 3))
    one, other = (end.transform.map_points(body) for end in ends)
    assert np.linalg.norm(one - other, axis=1).mean() < 0.1
    assert ends[1].diagnostics["device"] == "cuda:0"
    miss = np.linalg.norm(other - MOTION.map_points(body), axis=1).mean()
    assert miss < 0.5 * np.linalg.norm(body - MOTION.map_points(body), axis=1).mean()
