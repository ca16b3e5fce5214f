"""Views of training images, and a training of seconds from its folder to its weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from regkit import Grid, LabelMap, Pair, Volume
from regkit.datasets.case import Case
from regkit.datasets.folder import write_dataset
from regkit.errors import ParameterError
from regkit.io import write_volume
from regkit.learning.training_job import TrainingJob
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit_gland.network import OrganFinder
from regkit_gland.train.augmentation import plain_view, random_look, random_view
from regkit_gland.train.cases import cache_glands, read_glands
from regkit_gland.train.config import GlandConfig
from regkit_gland.train.task import gland_loss, train_glands

GRID = Grid((30, 32, 28), (2.8, 2.8, 2.8), (-40.0, -43.0, -41.0))
TINY = {
    "grid_size": 16, "spacing_mm": 5.6, "channels": (4, 8), "batch_size": 2, "warmup": 1,
    "log_every": 1, "validate_every": 4, "checkpoint_every": 4,
}  # fmt: skip
CONFIG = GlandConfig(grid_size=32, spacing_mm=2.8)


def gland_case(number: int = 0, label: int = 1) -> Case:
    """Return two images whose gland, an ellipsoid, is bright in one and dark in the other."""
    index = np.indices(GRID.shape_zyx).reshape(3, -1).T
    points = GRID.to_physical(index) - [4.0 * number - 5, 2.0, -3.0]
    inside = (np.linalg.norm(points / [20, 16, 18], axis=1) <= 1).reshape(GRID.shape_zyx)
    bright, dark = np.where(inside, 200.0, 50.0), np.where(inside, 40.0, 150.0)
    labels = LabelMap(inside.astype(np.uint8) * label, GRID)
    pair = Pair(Volume(bright, GRID, "mr"), Volume(dark, GRID, "us"))
    return Case(f"p{number}", pair, fixed_labels=labels, moving_labels=labels)


def cached(case: Case):
    arrays, facts = cache_glands(case, ("mr", "us"), 1, 2.8)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return read_glands(tensors, json.loads(json.dumps(facts)))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("seed", range(8))
def test_the_mask_moves_with_the_image(seed) -> None:
    """Whatever is drawn, what is bright in the image is in the mask, and nothing else."""
    source = cached(gland_case())["mr"]
    config = replace(CONFIG, crop_prob=1.0)
    view = random_view(source, config, np.random.default_rng(seed))
    known = torch.nan_to_num(view.image)[0, 0].numpy()
    assert overlap(known > 0.5, view.mask[0, 0].numpy() > 0.5) > 0.97


def test_a_plain_view_is_the_image_itself() -> None:
    case = gland_case()
    view = plain_view(cached(case)["mr"], CONFIG.grid)
    found = np.argwhere(view.mask[0, 0].numpy() > 0.5).mean(axis=0)
    truth = np.argwhere(case.fixed_labels.array).mean(axis=0)
    apart = CONFIG.grid.to_physical(found) - (GRID.to_physical(truth) - GRID.centre)
    np.testing.assert_allclose(apart, 0, atol=0.3)


def test_a_cut_image_is_unknown_and_unmasked_there() -> None:
    source = cached(gland_case())["mr"]
    whole, cut = (
        random_view(source, replace(CONFIG, crop_prob=p, crop_mm=40.0), np.random.default_rng(3))
        for p in (0.0, 1.0)
    )
    lost = cut.image.isnan() & ~whole.image.isnan()
    assert lost.any()
    assert (cut.mask[lost] == 0).all()


def test_looks_differ_and_unknown_voxels_stay_zero() -> None:
    view = random_view(cached(gland_case())["us"], CONFIG, np.random.default_rng(0))
    one, other = (random_look(view.image, CONFIG, np.random.default_rng(n)) for n in (1, 2))
    far = torch.nn.functional.max_pool3d((~view.image.isnan()).float(), 3, 1, 1) == 0
    assert far.any()
    assert (one[far] == 0).all()
    assert (one - other).abs().mean() > 0.01
    again = random_look(view.image, CONFIG, np.random.default_rng(1))
    assert torch.equal(one, again)


def test_the_loss_is_least_at_the_mask() -> None:
    mask = torch.zeros(1, 1, 8, 8, 8)
    mask[..., 2:6, 2:6, 2:6] = 1
    right, shifted = 20 * (mask - 0.5), 20 * (mask.roll(2, -1) - 0.5)
    assert gland_loss(right, mask) < 0.01
    assert gland_loss(shifted, mask) > 0.5
    assert torch.isfinite(gland_loss(right, torch.zeros_like(mask)))


@pytest.mark.parametrize("block", [1, 2])
def test_logits_have_the_shape_of_the_image(block) -> None:
    network = OrganFinder(("mr", "us"), (4, 8, 12), block)
    assert network(torch.rand(2, 1, 16, 16, 16), "us").shape == (2, 1, 16, 16, 16)


def test_the_published_size() -> None:
    network = OrganFinder(("mr", "us"), CONFIG.channels, CONFIG.space_to_depth)
    sizes = [sum(p.numel() for p in one.parameters()) for one in network.networks.values()]
    assert sizes == [205_076, 205_076]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid_size": 20}, "grid_size must be a multiple of 8 for 3 scales"),
        ({"modalities": ("mr", "mr")}, "modalities must differ"),
    ],
)
def test_configurations_that_cannot_work(changes, words) -> None:
    with pytest.raises(ParameterError, match=words):
        GlandConfig(**changes)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (gland_case(label=2), "case p0 needs label maps of both images in which 1 is the gland"),
        (replace(gland_case(), moving_labels=None), "case p0 needs label maps of both images"),
        (
            replace(gland_case(), pair=Pair(gland_case().pair.fixed, gland_case().pair.fixed)),
            "case p0 must have an image each of mr and us, got mr and mr",
        ),
    ],
)
def test_cases_that_cannot_be_learned_from(case, words) -> None:
    with pytest.raises(ParameterError, match=words):
        cache_glands(case, ("mr", "us"), 1, 2.8)


def write_cases(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    entries = []
    for number in range(count):
        case, entry = gland_case(number), {"id": f"p{number}"}
        for role in ("fixed", "moving"):
            image, labels = getattr(case.pair, role), getattr(case, f"{role}_labels")
            entry |= {f"{role}_modality": image.modality, role: f"{number}-{role}.nii.gz"}
            entry[f"{role}_labels"] = f"{number}-{role}-labels.nii.gz"
            write_volume(image, folder / entry[role])
            write_volume(labels, folder / entry[f"{role}_labels"])
        entries.append(entry)
    write_dataset(folder, "glands", entries)
    return folder


@pytest.mark.training
def test_a_training_learns_and_its_weights_register(tmp_path) -> None:
    data = write_cases(tmp_path / "data")
    for name in ("one", "two"):
        job = TrainingJob(
            *("gland", str(data), tmp_path / name, default_registry()), steps=4, changes=TINY
        )
        list(train_glands(job))
    one, two = (load_file(tmp_path / name / "gland.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    card = json.loads((tmp_path / "one" / "gland.json").read_text())
    assert list(card["domains"]) == ["mr", "us"]
    assert {"dice", "dice_mr", "dice_us", "shift_mm"} <= set(card["about"]["scores"]["validation"])
    weights = str(tmp_path / "one" / "gland.safetensors")
    estimate = build_method("gland", {"weights": weights}).register(gland_case().pair)
    assert estimate.fixed_labels.grid.matches(GRID)
