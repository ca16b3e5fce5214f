"""The registrar around networks that know the answer: bright is gland, on grids of every kind."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from regkit import AffineTransform, Grid, Pair, Volume, rigid, run
from regkit.geometry.rotation import rotation_matrix
from regkit.learning import ImageDomain, model
from regkit.metrics.segmentation import dice_of
from regkit.registration.pipeline import build_method
from regkit_gland.card import GlandCard
from regkit_gland.registrar import GlandRegistration

ANYTHING = dict.fromkeys(("mean", "std", "known_fraction", "voxel_mm"), (-10.0, 1000.0))
TURNED = tuple(rotation_matrix((0.0, 90.0, 12.0)).ravel().tolist())
GRIDS = {
    "upright": ((60, 60, 60), (1.4, 1.4, 1.4), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
    "thick slices": ((24, 80, 90), (1.1, 1.0, 3.5), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
    "turned": ((50, 64, 55), (1.5, 1.3, 1.6), TURNED),
}
RADIUS_MM = 17.0


def domain(modality: str) -> ImageDomain:
    return ImageDomain(modalities=(modality,), extent_mm=(90.0, 90.0, 84.0), ranges=ANYTHING)


def card() -> GlandCard:
    return GlandCard(
        method="gland",
        network="u-net",
        switches={"channels": (4, 8)},
        grid_size=32,
        spacing_mm=2.8,
        domains={"mr": domain("mr"), "us": domain("us")},
    )


@dataclass
class Oracle:
    """A network to which what is brighter than half is gland; it keeps which one was asked."""

    asked: list[str] = field(default_factory=list)
    blind: str = ""
    card: GlandCard = field(default_factory=card)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    diagnostics: dict = field(default_factory=dict)

    @property
    def network(self):
        return self

    def __call__(self, image: torch.Tensor, modality: str) -> torch.Tensor:
        self.asked.append(modality)
        return torch.full_like(image, -20.0) if modality == self.blind else 20 * (image - 0.5)


@pytest.fixture
def oracle(monkeypatch) -> Oracle:
    it = Oracle()
    monkeypatch.setattr(model, "load_model", lambda *_: it)
    return it


def grid_of(kind: str, center) -> Grid:
    shape, spacing, direction = GRIDS[kind]
    grid = Grid(shape, spacing, (0.0, 0.0, 0.0), direction)
    x, y, z = np.subtract(center, grid.centre).tolist()
    return replace(grid, origin=(x, y, z))


def ball(grid: Grid, center, modality: str, radius: float = RADIUS_MM) -> Volume:
    """Return an image of 0.2 with a gland of 1, both of them textured a little."""
    index = np.indices(grid.shape_zyx).reshape(3, -1).T
    away = np.linalg.norm(grid.to_physical(index) - center, axis=1).reshape(grid.shape_zyx)
    texture = 0.02 * np.random.default_rng(1).normal(size=grid.shape_zyx)
    return Volume(np.where(away <= radius, 1.0, 0.2) + texture, grid, modality)


def glands(fixed: str, moving: str, at=(4.0, -6.0, 5.0), to=(-3.0, 5.0, -4.0)) -> Pair:
    """Return MR around the origin and ultrasound around another point, in other scanners."""
    elsewhere = np.array([100.0, -40.0, 70.0])
    mr, us = grid_of(fixed, (0, 0, 0)), grid_of(moving, elsewhere)
    start = AffineTransform.shift(elsewhere)
    return Pair(ball(mr, np.asarray(at), "mr"), ball(us, elsewhere + to, "us"), initial=start)


@pytest.mark.parametrize("moving", list(GRIDS))
@pytest.mark.parametrize("fixed", list(GRIDS))
def test_the_centers_meet(oracle, fixed, moving):
    estimate = GlandRegistration().register(glands(fixed, moving))
    known = np.array([100.0 - 3.0 - 4.0, -40.0 + 5.0 + 6.0, 70.0 - 4.0 - 5.0])
    np.testing.assert_allclose(estimate.transform.matrix[:3, :3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(estimate.transform.matrix[:3, 3], known, atol=0.7)
    assert not estimate.diagnostics["warnings"]


def test_the_glands_are_labeled_on_their_images(oracle):
    pair = glands("thick slices", "turned")
    estimate = GlandRegistration().register(pair)
    for image, labels in ((pair.fixed, estimate.fixed_labels), (pair.moving, estimate.labels)):
        assert labels.grid.matches(image.grid)
        assert dice_of(labels.array == 1, image.array > 0.6) > 0.9


def test_a_turned_start_stays_turned(oracle):
    pair = glands("upright", "upright")
    turned = pair.start @ rigid((5.0, -8.0, 12.0), (3.0, 2.0, 1.0))
    found = GlandRegistration().register(replace(pair, initial=turned)).transform
    np.testing.assert_allclose(found.matrix[:3, :3], turned.matrix[:3, :3], atol=1e-12)
    center = found.map_points((4.0, -6.0, 5.0))
    np.testing.assert_allclose(center, [97.0, -35.0, 66.0], atol=0.7)


def test_each_image_has_the_network_of_its_modality(oracle):
    pair = glands("upright", "upright")
    GlandRegistration().register(Pair(pair.moving, pair.fixed, initial=pair.start.inverse()))
    assert oracle.asked == ["us", "mr"]
    unknown = [Volume(image.array, image.grid) for image in (pair.fixed, pair.moving)]
    GlandRegistration().register(Pair(*unknown, initial=pair.start))
    assert oracle.asked[2:] == ["mr", "us"]


def test_a_second_pass_sees_a_gland_that_the_first_has_cut(oracle):
    """50 mm beside the middle, half of the gland is in the first cube around it."""
    wide = Grid((60, 100, 100), (1.4, 1.4, 1.4), (-69.3, -69.3, -41.3))
    pair = glands("upright", "upright")
    mr = ball(wide, np.array([45.0, 0.0, 0.0]), "mr")
    one, two = (
        GlandRegistration(passes=n).register(replace(pair, fixed=mr)).transform for n in (1, 2)
    )
    target = np.array([97.0, -35.0, 66.0])
    error = [np.linalg.norm(t.map_points((45.0, 0.0, 0.0)) - target) for t in (one, two)]
    assert error[1] < 1 < error[0]


def test_the_verdict_on_two_whole_glands(oracle):
    result = run(build_method("gland"), glands("upright", "upright"), "gland")
    assert result.verdict.status == "CHECK"
    assert [r for r in result.verdict.reasons if "nothing independent confirms" not in r] == []
    ball_ml = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
    measures = result.verdict.measures
    assert measures["fixed_gland_ml"] == pytest.approx(ball_ml, rel=0.1)
    assert measures["moving_gland_ml"] == pytest.approx(ball_ml, rel=0.1)
    assert measures["gland_overlap"] > 0.9


def reasons(pair: Pair) -> tuple[str, str]:
    result = run(build_method("gland"), pair, "gland")
    return result.verdict.status, " ".join(result.verdict.reasons)


def test_without_a_gland_the_start_is_returned_and_told(oracle):
    oracle.blind = "us"
    pair = glands("upright", "upright")
    found = run(build_method("gland"), pair, "gland")
    assert found.verdict.status == "FAIL"
    assert "no prostate was found in the moving image" in " ".join(found.verdict.reasons)
    assert "the initial transform is returned" in " ".join(found.verdict.reasons)
    assert found.estimate.diagnostics["rejected"] == "there is nothing to align"
    np.testing.assert_array_equal(found.transform.matrix, pair.start.matrix)


def test_a_gland_cut_by_the_field_of_view_is_doubtful(oracle):
    pair = glands("upright", "upright")
    index = [slice(0, 30), slice(None), slice(None)]  # of 60 slices, through the gland
    grid = replace(pair.moving.grid, shape_zyx=(30, 60, 60))
    cut = pair.moving.with_array(pair.moving.array[tuple(index)], grid)
    status, words = reasons(replace(pair, moving=cut))
    assert status == "CHECK"
    assert "in the moving image is cut off by the field of view" in words


def test_a_gland_in_pieces_is_doubtful(oracle):
    pair = glands("upright", "upright")
    second = ball(pair.fixed.grid, np.array([-25.0, 25.0, -25.0]), "mr", radius=10.0)
    both = pair.fixed.with_array(np.maximum(pair.fixed.array, second.array))
    status, words = reasons(replace(pair, fixed=both))
    assert status == "CHECK"
    assert "the prostate found in the fixed image is in pieces" in words


def test_glands_of_other_sizes_are_doubtful(oracle):
    pair = glands("upright", "upright")
    small = ball(pair.fixed.grid, np.array([4.0, -6.0, 5.0]), "mr", radius=12.0)
    status, words = reasons(replace(pair, fixed=small))
    assert status == "CHECK"
    assert "ml in the fixed image and" in words


def test_a_start_with_more_overlap_is_kept_and_told(oracle):
    """A rod at the gland moves its center, while the gland itself is in place."""
    elsewhere = np.array([100.0, -40.0, 70.0])
    mr = ball(grid_of("upright", (0, 0, 0)), np.zeros(3), "mr", radius=14.0)
    us = ball(grid_of("upright", elsewhere), elsewhere, "us", radius=14.0)
    rod = np.array(us.array)
    rod[25:35, 25:35, 40:] = 1.0
    pair = Pair(mr, us.with_array(rod), initial=AffineTransform.shift(elsewhere))
    result = run(build_method("gland"), pair, "gland")
    np.testing.assert_array_equal(result.transform.matrix, pair.start.matrix)
    assert "overlap more at the start" in " ".join(result.verdict.reasons)
    assert result.verdict.status == "CHECK"


def test_a_chain_keeps_both_glands_and_their_judge(oracle):
    result = run(build_method("gland+identity"), glands("upright", "upright"), "chain")
    assert result.estimate.labels is not None
    assert result.estimate.fixed_labels is not None
    assert "gland_overlap" in result.verdict.measures
