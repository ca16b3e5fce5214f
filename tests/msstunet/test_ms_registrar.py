"""The registrar around a network that knows the answer, on grids of every kind."""

import json
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lv_phantom import GRIDS, Phantom, labels_of, points_of, pose_on, upright
from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, rigid, run
from regkit.errors import (
    FileFormatError,
    MissingDependencyError,
    ParameterError,
    RegistrationError,
)
from regkit.learning import ImageDomain, TrainedModel, model
from regkit.learning.network_grid import center_of_mass
from regkit.metrics.segmentation import dice_of
from regkit.registry import default_registry
from regkit.report.save import labels_on_image_grid
from regkit.testing.conformance import CHECKS, MethodUnderTest, run_check
from regkit.weights import sha256
from regkit_msstunet import build_reorienter, inference
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.geometry import cube, pose_numbers
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.preprocessing import preprocess_emission
from regkit_msstunet.registrar import LearnedReorientation
from regkit_msstunet.ventricle_domain import ventricle_position
from signed_cards import write_signed_card

SIZE, SPACING = 48, 6.8
FIXED = Grid((20, 24, 28), (5.0, 6.0, 7.0), (-300.0, 40.0, 11.0))
ANYTHING = {"mean": (-10.0, 10.0), "myocardium_ml": (0.0, 1e6), "voxel_mm": (0.0, 100.0)}


def card(**changes) -> ReorientationCard:
    """Return a card; changes may be of the domain of its moving images, too."""
    domain = ImageDomain(
        modalities=("pet", "spect"), extent_mm=(336.0, 336.0, 336.0), ranges=ANYTHING
    )
    own = {k: changes.pop(k) for k in list(changes) if k in vars(domain)}
    plain = ReorientationCard(
        method="ms-st-unet",
        network="u-net",
        switches={"width": 0.0625},
        grid_size=SIZE,
        spacing_mm=SPACING,
        intensity_gamma=0.5,
        mean_pose=(-0.83, -1.14, 1.22, 0.2, -0.2, 0.3),
        moving=replace(domain, **own),
    )
    return replace(plain, **changes)


@lru_cache
def logits_on(grid):
    """Return logits of the shares that background, wall and pool have of each voxel."""
    parts = np.linspace(-0.375, 0.375, 4)
    shares = np.zeros((3, *grid.shape_zyx))
    for part in product(parts, repeat=3):
        labels = labels_of(points_of(grid) + np.multiply(part, grid.spacing))
        shares += np.eye(3)[:, labels] / len(parts) ** 3
    return torch.log(torch.from_numpy(shares) + 1e-6)[None]


class Oracle:
    """A network that says of each look what it was told to, and labels a phantom rightly."""

    def __init__(self, *answers, needs_pose=False) -> None:
        self.answers, self.needs_pose = list(answers), needs_pose
        self.shown: list[np.ndarray] = []
        self.through: list[np.ndarray] = []

    zooms = (1.0,)

    def output_within(self, zoom):
        return 0

    def locate(self, volume):
        self.shown.append(volume[0, 0].numpy())
        numbers = self.answers.pop(0) if self.answers else np.zeros(6)
        return [torch.tensor(np.asarray(numbers))[None, None]], None

    def segment(self, volume, numbers, context=None, finest=0):
        self.through.append(numbers[0, 0].numpy())
        return (logits_on(cube(SIZE, SPACING)),)


class Closer(Oracle):
    """An oracle of two scales whose first output labels nothing, and the second the middle."""

    zooms = (1.0, 0.5)

    def output_within(self, zoom):
        return Reorienter.output_within(self, zoom)

    def locate(self, volume):
        numbers = self.answers.pop(0)
        return [torch.tensor(numbers)[None]], None

    def segment(self, volume, numbers, context=None, finest=0):
        middle = cube(SIZE // 2, 0.5 * SPACING * (SIZE - 1) / (SIZE // 2 - 1))
        both = torch.zeros(1, 3, SIZE, SIZE, SIZE), logits_on(middle)
        return both[finest:]


@pytest.fixture
def told(monkeypatch):
    def install(*answers, its_card=None, **how) -> Oracle:
        oracle = Oracle(*answers, **how)
        trained = TrainedModel(oracle, its_card or card(), torch.device("cpu"))
        monkeypatch.setattr(model, "load_model", lambda *_: trained)
        return oracle

    return install


def extent(grid: Grid):
    return tuple(np.ptp(grid.corners(), axis=0).tolist())


def first_look(phantom: Phantom):
    """Return what a network should say of the first look."""
    return pose_numbers(phantom.pose, cube(SIZE, SPACING, phantom.grid.centre))


def overlaps(labels, phantom):
    """Yield wall and pool, and the Dice coefficient with what a phantom is at the same points."""
    points = phantom.pose.inverse().map_points(points_of(labels.grid))
    for label in (1, 2):
        yield label, dice_of(labels.array == label, labels_of(points) == label)


@pytest.mark.parametrize("kind", list(GRIDS))
def test_labels_of_a_closer_output_lie_as_it_saw_them(monkeypatch, kind) -> None:
    """In the planes of its own scale, while the transform is that of the first."""
    grid = GRIDS[kind]
    phantom = Phantom(grid, pose_on(grid))
    its_card = card(extent_mm=extent(grid), label_fov=0.5)
    right = first_look(phantom)
    oracle = Closer(np.stack([right + 0.1, right]))
    trained = TrainedModel(oracle, its_card, torch.device("cpu"))
    monkeypatch.setattr(model, "load_model", lambda *_: trained)
    found = LearnedReorientation().register(phantom.case(fixed=FIXED).pair)
    for label, overlap in overlaps(found.labels, phantom):
        assert overlap > 0.93, label
    numbers = pose_numbers(
        found.transform @ AffineTransform.shift(FIXED.centre),
        cube(SIZE, SPACING, grid.centre),
        right[:3],
    )
    np.testing.assert_allclose(numbers, right + 0.1, atol=1e-6)


@pytest.mark.parametrize("kind", list(GRIDS))
def test_the_known_answer_reaches_the_truth(told, kind) -> None:
    grid = GRIDS[kind]
    phantom = Phantom(grid, pose_on(grid))
    case = phantom.case(fixed=FIXED)
    its_card = card(extent_mm=extent(grid))
    oracle = told(first_look(phantom), its_card.mean_pose, its_card=its_card)
    found = LearnedReorientation(passes=2).register(case.pair)
    np.testing.assert_allclose(found.transform.matrix, case.truth.matrix, atol=1e-6)
    for label, overlap in overlaps(found.labels, phantom):
        assert overlap > 0.93, label
    on_voxels = labels_on_image_grid(found.labels, phantom.image)
    assert on_voxels.grid == grid
    for label in (1, 2):
        assert dice_of(on_voxels.array == label, phantom.labels.array == label) > 0.87, label
    assert json.dumps(dict(found.diagnostics), allow_nan=False)
    assert found.diagnostics["warnings"] == []
    # The second look has the ventricle in the usual pose.
    usual = Phantom(
        cube(SIZE, SPACING), inference.pose_transform(its_card.mean_pose, its_card.grid())
    )
    wall = usual.labels.array == 1
    assert oracle.shown[1][wall].mean() > 0.8
    assert oracle.shown[0][wall].mean() < 0.8


def test_labels_lie_in_the_planes_found_and_end_where_the_ventricle_does(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    told(first_look(phantom), its_card=card(extent_mm=extent(upright())))
    found = LearnedReorientation().register(phantom.case(fixed=FIXED).pair).labels
    assert found.grid.spacing == pytest.approx((SPACING / inference.REFINEMENT,) * 3)
    direction = np.reshape(found.grid.direction, (3, 3))
    np.testing.assert_allclose(direction, phantom.pose.matrix[:3, :3], atol=1e-6)
    for axis in range(3):
        ends = np.take(found.array, [0, -1], axis)
        assert not ends.any()
        assert found.grid.extent[axis] < 130.0  # of 326 mm; a ventricle is 96 mm long


def test_a_ventricle_larger_than_the_look_is_doubted(told, monkeypatch) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    oracle = told(first_look(phantom), first_look(phantom), its_card=card())
    pair = phantom.case().pair
    assert LearnedReorientation().register(pair).diagnostics["warnings"] == []
    larger = logits_on(cube(SIZE, SPACING / 4))
    monkeypatch.setattr(oracle, "segment", lambda *_, **__: (larger,))
    (words,) = LearnedReorientation().register(pair).diagnostics["warnings"]
    assert "the ventricle is cut off" in words


def test_where_a_network_sees_no_ventricle_there_are_no_labels(told, monkeypatch) -> None:
    oracle = told()
    nothing = torch.zeros(1, 3, SIZE, SIZE, SIZE)
    nothing[:, 0] = 1.0
    monkeypatch.setattr(oracle, "segment", lambda *_, **__: (nothing,))
    found = LearnedReorientation().register(Phantom(upright(), pose_on(upright())).case().pair)
    assert not found.labels.array.any()


def test_what_the_network_sees_is_upright_whatever_the_grid(told) -> None:
    seen = {}
    for kind in ("plain", "oblique", "flipped"):
        oracle = told(its_card=card(extent_mm=extent(GRIDS[kind])))
        grid = GRIDS[kind]
        LearnedReorientation().register(Phantom(grid, pose_on(grid)).case().pair)
        seen[kind] = oracle.shown[0]
    for kind in ("oblique", "flipped"):
        both = (seen[kind] > 0) & (seen["plain"] > 0)
        assert both.mean() > 0.1
        assert np.corrcoef(seen[kind][both], seen["plain"][both])[0, 1] > 0.9, kind


def test_the_fixed_image_only_says_where_the_frame_is(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    maps = []
    for fixed in (cube(16, 12.0), cube(16, 12.0, (100.0, 50.0, -20.0))):
        told(first_look(phantom))
        found = LearnedReorientation().register(phantom.case(fixed=fixed).pair)
        maps.append(found.transform.map_points(np.add(fixed.centre, [[0, 0, 0], [9, -5, 30]])))
    np.testing.assert_allclose(*maps, atol=1e-9)


def test_another_field_of_view_is_centred_on_the_body(told) -> None:
    body = Phantom(upright(), pose_on(upright())).image
    mass = center_of_mass(preprocess_emission(body, SPACING, 0.5))
    its_card = card(center_of_mass_offset_mm=tuple((mass - body.grid.centre).tolist()))
    far = np.pad(body.array, ((0, 40), (0, 0), (0, 40)))
    wide = Volume(far, Grid(far.shape, body.grid.spacing, body.grid.origin), "pet")
    shown = []
    for image in (body, wide):
        oracle = told(its_card=its_card)
        LearnedReorientation().register(Pair(body, image))
        shown.append(oracle.shown[0])
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.98


def test_outside_the_moving_mask_nothing_is_seen(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    mask = np.ones(phantom.grid.shape_zyx, np.uint8)
    mask[:, :, 30:] = 0
    oracle = told()
    pair = replace(phantom.case().pair, moving_mask=LabelMap(mask, phantom.grid))
    LearnedReorientation().register(pair)
    assert (oracle.shown[0][:, :, 33:] == 0).all()
    assert (oracle.shown[0][:, :, :28] > 0).any()


def test_weights_that_label_a_pose_take_the_initial_one(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    case = phantom.case(fixed=FIXED)
    oracle = told(needs_pose=True)
    found = LearnedReorientation().register(replace(case.pair, initial=case.truth))
    np.testing.assert_allclose(found.transform.matrix, case.truth.matrix, atol=1e-9)
    assert oracle.through[0].shape == (6,)
    assert dict(overlaps(found.labels, phantom))[1] > 0.93
    told(needs_pose=True)
    stretched = replace(case.pair, initial=AffineTransform(np.diag([2.0, 1, 1, 1])))
    with pytest.raises(RegistrationError, match="take a rigid initial transform"):
        LearnedReorientation().register(stretched)


def test_the_guard_tells_the_verdict_why(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()), "ct")
    told(its_card=card(ranges=ANYTHING | {"myocardium_ml": (300.0, 301.0)}))
    result = run(LearnedReorientation(), phantom.case().pair)
    words = "; ".join(result.verdict.reasons)
    assert result.verdict.status != "OK"
    assert "the moving image is ct, and ms-st-unet was trained on pet and spect" in words
    assert "volume of myocardium found, in ml, is 1" in words


def test_looks_that_do_not_settle_are_doubted(told) -> None:
    phantom = Phantom(upright(), pose_on(upright()))
    answer = first_look(phantom)
    off = np.add(card().mean_pose, (0.5, 0, 0, 0, 0, 0))
    told(answer, off)
    found = LearnedReorientation(passes=2).register(phantom.case().pair)
    assert found.diagnostics["warnings"] == [
        "the network's last pass still turned the ventricle by 29 degrees"
    ]


def test_an_image_without_anything_above_zero(told) -> None:
    told()
    grid = upright(16)
    dark = Volume(-np.random.default_rng(0).random(grid.shape_zyx), grid, "pet")
    with pytest.raises(RegistrationError, match="no voxel is above zero"):
        LearnedReorientation().register(Pair(dark, dark))


@pytest.fixture
def trained(tmp_path: Path, monkeypatch) -> Path:
    """Weights of a small network, installed."""
    torch.manual_seed(1)
    its_card = card(grid_size=32, spacing_mm=10.0, passes=2)
    file = tmp_path / "ms-st-unet.safetensors"
    save_file(build_reorienter(32, "u-net", width=0.0625).state_dict(), file)
    its_card = replace(its_card, sha256=sha256(file))
    write_signed_card(file, its_card.to_json())
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    return file


def test_a_card_survives_json() -> None:
    plain = card()
    assert ReorientationCard.from_json(json.loads(json.dumps(plain.to_json())), "x") == plain


@pytest.mark.conformance
@pytest.mark.slow
def test_installed_weights_keep_the_contract(trained) -> None:
    offer = default_registry().method("ms-st-unet")
    assert offer.problem == ""
    subject = MethodUnderTest(offer)
    found = {name: run_check(name, subject) for name in CHECKS}
    assert {name: o.why for name, o in found.items() if o.status == "failed"} == {}
    done = {name for name, o in found.items() if o.status == "ok"}
    assert done >= {"returns its model", "repeatable", "inputs unchanged", "sizes may differ"}


def test_weights_that_do_not_fit_their_card(trained) -> None:
    pair = Phantom(upright(16, 20.0), rigid()).case().pair
    path = trained.with_suffix(".json")
    content = json.loads(path.read_text())
    write_signed_card(path, content | {"switches": {"width": 0.125}})
    with pytest.raises(FileFormatError, match=r"does not fit the network of its card \(u-net\)"):
        LearnedReorientation().register(pair)
    write_signed_card(path, {k: v for k, v in content.items() if k != "mean_pose"})
    with pytest.raises(FileFormatError, match="cannot be used: it has no 'mean_pose'"):
        LearnedReorientation().register(pair)
    write_signed_card(path, content | {"mean_pose": [0, 0, 0]})
    with pytest.raises(FileFormatError, match=r"mean_pose takes .*, got .0, 0, 0."):
        LearnedReorientation().register(pair)
    write_signed_card(path, content | {"sha256": "0" * 64})
    with pytest.raises(FileFormatError, match="are not those of their card"):
        LearnedReorientation().register(pair)


def test_a_file_that_is_no_safetensors(trained) -> None:
    trained.write_bytes(b"nothing of the kind")
    path = trained.with_suffix(".json")
    write_signed_card(path, json.loads(path.read_text()) | {"sha256": sha256(trained)})
    with pytest.raises(FileFormatError, match="is no safetensors file"):
        LearnedReorientation().register(Phantom(upright(16, 20.0), rigid()).case().pair)


def test_missing_weights_are_a_reason(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="weights missing: regkit train nothing"):
        LearnedReorientation("nothing").register(Phantom(upright(16), rigid()).case().pair)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"passes": 0}, "passes takes auto, or 1 to 100, got 0"),
        ({"weights": ""}, "weights takes a name"),
    ],
)
def test_parameters_out_of_range(parameters, says) -> None:
    with pytest.raises(ParameterError, match=says):
        LearnedReorientation(**parameters)


def test_older_cards_are_read_and_damaged_ones_are_not() -> None:
    content = card().to_json()
    older = {key: value for key, value in content.items() if key != "label_fov"}
    assert ReorientationCard.from_json(older, "x").label_fov == 1.0
    for wrong in ("abc", None):
        with pytest.raises(FileFormatError, match="the card of x cannot be used"):
            ReorientationCard.from_json(content | {"label_fov": wrong}, "x")


@pytest.mark.parametrize(("off", "words"), [((-120, 0, 0), "to the left"), ((0, 90, 0), "back")])
def test_a_heart_where_none_can_be_is_doubted(told, off, words) -> None:
    """As in images that lie the other way round than their headers say."""
    phantom = Phantom(upright(), pose_on(upright()))
    place = ventricle_position(phantom.pose.map_points((0, 0, 0)), center_of_mass(phantom.image))
    ranges = {name: (value - 30, value + 30) for name, value in place.items()}
    told(first_look(phantom), its_card=card(ranges=ANYTHING | ranges))
    assert LearnedReorientation().register(phantom.case().pair).diagnostics["warnings"] == []
    moved = first_look(phantom)
    moved[3:] += np.divide(off, (SIZE - 1) / 2 * SPACING)
    told(moved, its_card=card(ranges=ANYTHING | ranges))
    (warning,) = LearnedReorientation().register(phantom.case().pair).diagnostics["warnings"]
    assert words in warning
