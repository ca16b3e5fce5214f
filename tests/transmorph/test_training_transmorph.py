"""Training without truth: what it sees is misplaced as told, what it loses has derivatives, and
a training that was stopped goes on as if nothing had happened."""

import csv
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from regkit import Grid, Pair, resample, rigid, run
from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.transform import AffineTransform
from regkit.learning import CachedImage, CachedPair
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit.testing.phantom import thorax
from regkit_instance.torch_backend.reference_cr import correlation_ratio_loss
from regkit_transmorph.affine_parameterization import lps_to_normalized
from regkit_transmorph.losses import symmetric_loss, warped
from regkit_transmorph.networks.affine import inverses, matrices
from regkit_transmorph.registrar import TransMorph
from regkit_transmorph.train.config import TransMorphConfig
from regkit_transmorph.train.image_sampler import ImageSampler
from regkit_transmorph.train.misplacement import Misplacement, sample_misplacement
from regkit_transmorph.train.sampled_loss import SampledLoss
from regkit_transmorph.train.task import UnsupervisedTask, batch_loss_for
from regkit_transmorph.train.task import train_transmorph as train
from regkit_transmorph.train.validation import validate_maps, validation_misplacements
from small_training import write_cases

TINY = {
    "shape_zyx": (16, 16, 16),
    "spacing": (24.0, 24.0, 24.0),
    "width": 0.0625,
    "depths": (2, 2),
    "heads": (2, 2),
    "window": (2, 2, 2),
    "mlp_hidden": 8,
    "batch_size": 2,
    "samples": 500,
    "fixed": "pet",
    "moving": "ct",
    "fixed_window": (0.0, 5.0),
    "moving_window": (-1000.0, 300.0),
    "log_every": 1,
    "checkpoint_every": 2,
    "validate_every": 3,
}
GRID = Grid((26, 22, 24), (15.0, 16.0, 17.0), (-150.0, -170.0, -160.0))
TRUTH = AffineTransform.about(np.diag([1.05, 0.95, 1.02]), (8, -6, 10), (0, 0, 0))


def kept(volume) -> CachedImage:
    tensor = torch.from_numpy(volume.array.astype(np.float32))[None, None]
    return CachedImage(tensor, volume.grid)


def views() -> ImageSampler:
    choices = TransMorphConfig(shape_zyx=(20, 18, 22), spacing=(14.0, 15.0, 16.0))
    pet, ct = thorax(GRID, "pet"), thorax(GRID, "ct", TRUTH)
    pet, ct = pet.with_array(pet.array / 6), ct.with_array((ct.array + 1000) / 1400)
    return ImageSampler(choices, [CachedPair(kept(pet), kept(ct), TRUTH, {})])


def drawn(seed: int = 0) -> Misplacement:
    return sample_misplacement(views().config, 1, views().grid, (seed, 0, 0))


def test_views_are_resampled_as_simpleitk_does() -> None:
    seen, one = views(), drawn()
    case = seen.cases[0]
    placed = AffineTransform.shift(GRID.centre)
    for image, kept_image, through in zip(
        seen.pair(one),
        (case.fixed, case.moving),
        (placed @ one.fixed, TRUTH @ placed @ one.moving),
        strict=True,
    ):
        given = thorax(GRID, "pet").with_array(kept_image.tensor[0, 0].numpy())
        expected = resample(given, seen.grid, through, outside=np.nan).array
        found = image[0, 0].numpy()
        both = np.isfinite(found) & np.isfinite(expected)
        assert (np.isfinite(found) != np.isfinite(expected)).mean() < 0.01
        np.testing.assert_allclose(found[both], expected[both], atol=2e-3)


def test_the_motion_of_a_draw_makes_its_images_meet() -> None:
    """Warped by the truth the moving image shows what the fixed one does."""
    seen, one = views(), drawn()
    fixed, moving = (torch.nan_to_num(image) for image in seen.pair(one))
    theta = torch.from_numpy(lps_to_normalized(one.motion, seen.grid, seen.grid))[None]
    right, none = (
        float(correlation_ratio_loss(warped(moving, maps), fixed))
        for maps in (theta, torch.eye(3, 4)[None])
    )
    assert right < none - 0.02


def test_misplacements_keep_to_their_ranges() -> None:
    choices = TransMorphConfig(
        rotation_deg=12.0, max_shift_fraction=0.2, scale=0.05, residual_motion_prob=0.5
    )
    grid = views().grid
    draws = [sample_misplacement(choices, 3, grid, (0, i, 0)) for i in range(300)]
    scales = np.array([np.linalg.norm(d.fixed.matrix[:3, :3], axis=0) for d in draws])
    assert 0.95 <= scales.min() < 0.96
    assert 1.04 < scales.max() <= 1.05
    shifts = np.array([d.fixed.map_points(grid.centre) - grid.centre for d in draws])
    limit = 0.2 * np.divide(grid.extent, 2)
    assert (np.abs(shifts).max(axis=0) <= limit).all()
    assert (np.abs(shifts).max(axis=0) > 0.9 * limit).all()
    moved = [np.linalg.norm(d.motion.map_points(grid.centre) - grid.centre) for d in draws]
    assert 0.35 < np.mean(np.array(moved) < 0.2 * np.linalg.norm(limit)) < 0.65
    assert {d.case for d in draws} == {0, 1, 2}


@pytest.mark.parametrize("measure", ["cr", "mi"])
def test_the_sampled_loss_has_derivatives(measure) -> None:
    fixed, moving = views().pair(drawn())
    loss = SampledLoss(measure, 4000, 24)
    source = torch.Generator().manual_seed(0)
    numbers = (0.02 * torch.randn((1, 15), generator=source).double()).requires_grad_()
    loss(moving, fixed, matrices(numbers), 3).backward()
    for place in (1, 5, 7, 12):
        step = torch.zeros_like(numbers)
        step[0, place] = 1e-5
        ahead, behind = (
            float(loss(moving, fixed, matrices(numbers.detach() + sign * step), 3))
            for sign in (1, -1)
        )
        slope = (ahead - behind) / 2e-5
        assert float(numbers.grad[0, place]) == pytest.approx(slope, rel=0.05, abs=0.02)


@pytest.mark.parametrize("measure", ["cr", "mi"])
def test_the_sampled_loss_knows_the_truth(measure) -> None:
    """It is lower there than beside it, whichever image is called fixed."""
    seen, one = views(), drawn()
    fixed, moving = seen.pair(one)
    loss = SampledLoss(measure, 5000, 24)
    theta = torch.from_numpy(lps_to_normalized(one.motion, seen.grid, seen.grid))[None]
    right = float(loss(moving, fixed, theta))
    assert right == pytest.approx(float(loss(fixed, moving, inverses(theta))), abs=0.02)
    for place in range(3):
        beside = theta.clone()
        beside[0, place, 3] += 0.2
        assert right < float(loss(moving, fixed, beside))


def test_the_moving_image_is_compared_by_a_root_of_its_intensities() -> None:
    batch = views().batch([drawn()], seed=3)
    maps = torch.eye(3, 4).double()[None]
    rooted = replace(batch, moving=torch.sqrt(batch.moving))
    by_choice, of_roots, plain = (
        float(batch_loss_for(TransMorphConfig(samples=2000, intensity_gamma=exponent))(one, maps))
        for exponent, one in ((0.5, batch), (1.0, rooted), (1.0, batch))
    )
    assert by_choice == pytest.approx(of_roots)
    assert by_choice != pytest.approx(plain)


def test_images_that_do_not_meet_lose_nothing_and_pull_nowhere() -> None:
    fixed, moving = views().pair(drawn())
    numbers = torch.zeros((1, 15)).double()
    numbers[0, 6] = 5.0
    numbers.requires_grad_()
    loss = SampledLoss("cr", 1000, 24)(moving, fixed, matrices(numbers))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not numbers.grad.any()


@pytest.mark.training
@pytest.mark.slow
def test_steps_down_the_losses_come_closer() -> None:
    """A misplacement is found by gradient descent alone, by both losses."""
    seen, one = views(), drawn(4)
    fixed, moving = seen.pair(one)
    body = seen.grid.to_physical(np.argwhere(torch.nan_to_num(fixed)[0, 0].numpy() > 0.05)[::7])
    sampled = SampledLoss("cr", 3000, 24)
    losses = {
        "sampled": lambda maps, step: sampled(moving, fixed, maps, step),
        "published": lambda maps, step: symmetric_loss(
            correlation_ratio_loss, *map(torch.nan_to_num, (moving, fixed)), maps.float()
        ),
    }
    truth = lps_to_normalized(one.motion, seen.grid, seen.grid)
    for name, loss in losses.items():
        numbers = torch.zeros((1, 15)).double().requires_grad_()
        optimiser = torch.optim.Adam([numbers], lr=8e-3)
        for step in range(40):
            optimiser.zero_grad()
            loss(matrices(numbers), step).backward()
            optimiser.step()
        half = np.divide(seen.grid.extent, 2)
        points = np.column_stack([body / half, np.ones(len(body))])
        found = matrices(numbers.detach())[0].numpy()
        after = np.linalg.norm((points @ (found - truth).T) * half, axis=1).mean()
        before = np.linalg.norm((points @ (np.eye(3, 4) - truth).T) * half, axis=1).mean()
        assert after < 0.6 * before, name


def test_preparation_tells_what_it_did() -> None:
    choices = TransMorphConfig(**{k: v for k, v in TINY.items() if k != "moving"})
    case = Case("a", Pair(thorax(GRID, "pet"), thorax(GRID, "ct")))
    arrays, facts = UnsupervisedTask.prepare_case(case, choices)
    assert facts["truth"] is None
    assert facts["fixed"]["preparation"]["unit"] == "SUV"
    assert arrays["moving"].max() <= 1


def job(data: Path, folder: Path, **changes) -> TrainingJob:
    own = {k: changes.pop(k) for k in ("resume", "preset", "method") if k in changes}
    method = own.pop("method", "transmorph-cr")
    choices = {**TINY, **changes}
    registry = default_registry()
    return TrainingJob(method, str(data), folder, registry, steps=6, **own, changes=choices)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("pet-ct-cases"))


@pytest.fixture(scope="module")
def whole(cases, tmp_path_factory) -> Path:
    """A training without interruption."""
    folder = tmp_path_factory.mktemp("whole-transmorph")
    list(train(job(cases, folder)))
    return folder


def curve(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "log.csv").open() as stream:
        return [(r["step"], r["loss"], r["tre_mm"]) for r in csv.DictReader(stream)]


@pytest.mark.training
def test_a_training_that_goes_on_is_the_same(cases, whole, tmp_path) -> None:
    """Stopped at step 5, it goes on from the checkpoint at step 4."""
    steps = (p for p in train(job(cases, tmp_path)) if p.stage == "steps")
    list(islice(steps, 5))
    list(train(job(cases, tmp_path, resume=True)))
    assert curve(tmp_path) == curve(whole)
    one, other = (load_file(f / "transmorph-cr.safetensors") for f in (tmp_path, whole))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.numpy(), other[name].numpy())


@pytest.mark.training
def test_what_a_training_leaves_registers(whole, monkeypatch) -> None:
    card = json.loads((whole / "transmorph-cr.json").read_text())
    assert card["about"]["command"].startswith("regkit train transmorph-cr --data ")
    assert card["about"]["scores"]["validation"]["tre_mm"] > 0
    assert (card["fixed"]["modalities"], card["moving"]["modalities"]) == (["pet"], ["ct"])
    monkeypatch.setenv("REGKIT_WEIGHTS", str(whole))
    pair = Pair(thorax(GRID, "pet"), thorax(GRID, "ct", rigid((0, 0, 5), (8, 0, 0))))
    result = run(TransMorph("transmorph-cr"), pair)
    assert np.isfinite(result.transform.matrix).all()
    assert result.estimate.diagnostics["preparation"]["fixed"]["window"] == [0.0, 5.0]


@pytest.mark.training
@pytest.mark.parametrize("changes", [{"samples": 0}, {"method": "transmorph-mi"}])
def test_other_losses_learn_their_way(cases, whole, tmp_path, changes) -> None:
    list(train(job(cases, tmp_path, checkpointing=True, **changes)))
    losses = [float(row[1]) for row in curve(tmp_path)]
    assert all(np.isfinite(losses))
    assert losses != [float(row[1]) for row in curve(whole)]


@pytest.mark.training
def test_choices_that_cannot_be(cases, whole, tmp_path) -> None:
    with pytest.raises(ParameterError, match="no preset is called 'slow'"):
        list(train(job(cases, tmp_path, preset="slow")))
    with pytest.raises(ParameterError, match="samples must be"):
        list(train(job(cases, tmp_path, samples=-1)))
    with pytest.raises(ParameterError, match="another training"):
        list(train(job(cases, whole, resume=True, learning_rate=0.01)))


def test_validation_of_a_network_that_stays_is_that_of_none() -> None:
    class Still(torch.nn.Module):
        def forward(self, moving, fixed):
            return torch.zeros((len(moving), 15))

    seen = views()
    found = validate_maps(Still(), seen, validation_misplacements(seen))
    assert found["tre_mm"] == pytest.approx(found["tre_mm_initial"], abs=1e-6)
    assert found["tre_mm"] > 5
