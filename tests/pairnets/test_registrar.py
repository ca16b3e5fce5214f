"""The registrar around a network that knows the answer, on grids of every kind."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, rigid, run
from regkit.errors import FileFormatError, MissingDependencyError, ParameterError
from regkit.learning import ImageDomain, model
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.testing import phantom_pairs
from regkit.testing.conformance import CHECKS, MethodUnderTest, run_check
from regkit.testing.phantom import thorax
from regkit.testing.phantom_pairs import distance_mm
from regkit.weights import sha256
from regkit_pairnets import build_pair_network, inference
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.networks.initialise import fan_in_normal
from regkit_pairnets.pose_parameterization import CARDIAC, PROSTATE, PoseParameterization
from regkit_pairnets.registrar import LearnedRegistration
from signed_cards import write_signed_card

ANYTHING = dict.fromkeys(("mean", "std", "known_fraction", "voxel_mm"), (-10.0, 1000.0))


def card(convention: PoseParameterization = CARDIAC, **changes) -> PairNetCard:
    wide = ImageDomain(modalities=("ct",), extent_mm=(400.0, 300.0, 400.0), ranges=ANYTHING)
    plain = PairNetCard(
        method="dvnet",
        network="dvnet",
        switches={"width": 0.05},
        shape_zyx=(12, 10, 14),
        spacing=(30.0, 28.0, 32.0),
        parameterization=convention,
        input_order="moving-fixed",
        output_scale=(1.0,) * 6,
        fixed=wide,
        moving=wide,
        passes=2,
    )
    return replace(plain, **changes)


class Oracle:
    """A network that says of each look what it was told to, and keeps what it was shown."""

    def __init__(self, monkeypatch, its_card: PairNetCard, *answers) -> None:
        self.card, self.diagnostics, self.answers = its_card, {}, list(answers)
        self.shown: list[tuple[np.ndarray, np.ndarray]] = []
        monkeypatch.setattr(model, "load_model", lambda *_: self)
        monkeypatch.setattr(inference, "predict_motion", lambda _, *images: self.numbers(*images))

    def numbers(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        self.shown.append((fixed, moving))
        return self.answers.pop(0)


def upright(points: np.ndarray) -> tuple[float, float, float]:
    x, y, z = np.ptp(points, axis=0).tolist()
    return x, y, z


@pytest.mark.parametrize("convention", [CARDIAC, PROSTATE])
@pytest.mark.parametrize("kind", list(phantom_pairs.GRIDS))
def test_the_known_answer_reaches_the_truth(monkeypatch, kind, convention) -> None:
    """Half of the motion in the first look, what is left of it in the second."""
    problem = phantom_pairs.GRIDS[kind]()
    fixed = problem.pair.fixed.grid
    look = ImageDomain(modalities=("ct",), extent_mm=upright(fixed.corners()), ranges=ANYTHING)
    its_card = card(convention, fixed=look)
    grid = its_card.grid(fixed.centre)
    step = rigid((2, -1, 5), (9, -4, 6), fixed.centre)
    rest = step.inverse() @ problem.truth
    answers = [convention.from_transform(t, grid) for t in (step, rest)]
    answers.append(np.zeros(6))
    oracle = Oracle(monkeypatch, its_card, *answers)
    found = LearnedRegistration(passes=3).register(problem.pair)
    assert problem.error_mm(found.transform) < 1e-6
    before, _, after = (np.abs(f - m)[f + m > 0].mean() for f, m in oracle.shown)
    assert after < 0.5 * before
    assert json.dumps(dict(found.diagnostics), allow_nan=False)


def test_the_start_comes_first(monkeypatch) -> None:
    problem = phantom_pairs.plain_problem()
    start = rigid((0, 0, 10), (25, 0, -10))
    Oracle(monkeypatch, card(), np.zeros(6))
    pair = replace(problem.pair, initial=start)
    found = LearnedRegistration(passes=1).register(pair).transform
    assert distance_mm(found, start, problem.points) < 1e-9


def test_what_the_network_sees_is_upright_whatever_the_grid(monkeypatch) -> None:
    """Of an oblique, flipped image it sees what it sees of a plain one."""
    seen = []
    for grid in (phantom_pairs.covering(), phantom_pairs.oblique_grid()):
        look = ImageDomain(modalities=("ct",), extent_mm=upright(grid.corners()), ranges=ANYTHING)
        pair = Pair(thorax(grid), thorax(phantom_pairs.covering()))
        oracle = Oracle(monkeypatch, card(fixed=look), np.zeros(6))
        LearnedRegistration(passes=1).register(pair)
        seen.append(oracle.shown[0][0])
    both = (seen[0] > 0) & (seen[1] > 0)
    assert both.mean() > 0.3
    assert np.corrcoef(seen[0][both], seen[1][both])[0, 1] > 0.98


@pytest.mark.registration
def test_another_field_of_view_is_centred_on_the_body(monkeypatch) -> None:
    """Of twice the size and beside the body: the network still has the body in its middle."""
    look = ImageDomain(modalities=("ct",), extent_mm=(344.0, 254.0, 364.0), ranges=ANYTHING)
    shifted = phantom_pairs.covering(centre=(70.0, -60.0, 50.0), margin=200.0)
    shown = []
    for grid in (phantom_pairs.covering(), shifted):
        oracle = Oracle(monkeypatch, card(fixed=look), np.zeros(6))
        LearnedRegistration(passes=1).register(Pair(thorax(grid), thorax(grid)))
        shown.append(oracle.shown[0][0])
    index = np.moveaxis(np.indices((12, 10, 14)), 0, -1)
    centres = [np.average(index.reshape(-1, 3), axis=0, weights=s.clip(0).ravel()) for s in shown]
    np.testing.assert_allclose(*centres, atol=0.5)


def test_masks_and_missing_slices_are_unknown(monkeypatch) -> None:
    grid = phantom_pairs.covering()
    short = Grid((16, *grid.shape_zyx[1:]), grid.spacing, (*grid.origin[:2], -60.0))
    mask = np.ones(grid.shape_zyx, np.uint8)
    mask[:, :, : grid.shape_zyx[2] // 2] = 0
    its_card = card()
    oracle = Oracle(monkeypatch, its_card, np.zeros(6))
    pair = Pair(thorax(grid), thorax(short), fixed_mask=LabelMap(mask, grid))
    LearnedRegistration(passes=1).register(pair)
    fixed, moving = oracle.shown[0]
    unknown = (moving == its_card.fill_value).all(axis=(1, 2))
    partly = (moving == its_card.fill_value).any(axis=(1, 2))
    np.testing.assert_array_equal(unknown, partly)
    assert 0 < unknown.sum() < 12
    assert (fixed[:, :, 0] == its_card.fill_value).all()
    assert (fixed[6, 5, -5:] != its_card.fill_value).all()


def test_the_guard_tells_the_verdict_why(monkeypatch) -> None:
    usual = {"mean": (0.1, 0.12), "std": (0.0, 1.0), "known_fraction": (0.9, 1.0)}
    strange = ImageDomain(
        modalities=("mu",),
        extent_mm=(400.0, 300.0, 400.0),
        ranges=usual | {"voxel_mm": (0.0, 4.0)},
    )
    other = ImageDomain(modalities=("spect",), extent_mm=(400.0, 300.0, 400.0), ranges=ANYTHING)
    Oracle(monkeypatch, card(fixed=other, moving=strange), np.zeros(6))
    problem = phantom_pairs.plain_problem()
    result = run(LearnedRegistration(passes=1), problem.pair)
    words = "; ".join(result.verdict.reasons)
    assert result.verdict.status != "OK"
    assert "the fixed image is ct, and dvnet was trained on spect" in words
    assert "the moving image's mean intensity is 0." in words
    assert "voxel size in mm is 8; the training images of dvnet had at most 4" in words
    assert "the moving image is" not in words  # a CT stands in for a mu-map


def test_a_usual_pair_is_not_doubted(monkeypatch) -> None:
    Oracle(monkeypatch, card(), np.zeros(6))
    found = LearnedRegistration(passes=1).register(phantom_pairs.plain_problem().pair)
    assert found.diagnostics["warnings"] == []


@pytest.fixture
def _believed(monkeypatch) -> None:
    """Results are not compared with their start."""
    monkeypatch.setattr(LearnedRegistration, "compares_with_start", False)


@pytest.mark.usefixtures("_believed")
def test_looks_that_do_not_settle_are_doubted(monkeypatch) -> None:
    far = np.array([1.0, 0, 0, 0, 0, 0])
    Oracle(monkeypatch, card(), far, far)
    found = LearnedRegistration().register(phantom_pairs.plain_problem().pair)
    assert found.diagnostics["warnings"] == [
        "the last of 2 passes still moved the image by 30.0 mm"
    ]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch) -> Path:
    """Weights of a small network, installed."""
    torch.manual_seed(1)
    its_card = card()
    shape = its_card.parameterization.shape(its_card.grid((0, 0, 0)))
    file = tmp_path / "dvnet.safetensors"
    network = build_pair_network("dvnet", shape, **its_card.switches)
    fan_in_normal(network)
    save_file(network.state_dict(), file)
    its_card = replace(its_card, sha256=sha256(file))
    write_signed_card(file, its_card.to_json())
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    return file


def test_a_card_survives_json() -> None:
    plain = card(PROSTATE, input_order="fixed-moving")
    assert PairNetCard.from_json(json.loads(json.dumps(plain.to_json())), "x") == plain


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": "msreg"}, "weights of msreg cannot be those of dvnet"),
        ({"parameterization": {"translation": "furlongs"}},
         r"parameterization.translation takes voxels \| mm, got 'furlongs'"),
        ({"parameterization": {"axes": "yxz"}}, r"parameterization.axes takes xyz \| zyx"),
        ({"input_order": "third"}, r"input_order takes fixed-moving \| moving-fixed"),
        ({"output_scale": [1.0] * 5}, "output_scale takes .*got"),
        ({"output_scale": ["a"] * 6}, "output_scale takes float, got 'a'"),
        ({"shape_zyx": [24.5, 32, 32]}, "shape_zyx takes int, got 24.5"),
        ({"spacing": [1e-9] * 3}, "spacing takes numbers from 0.001"),
        ({"passes": 10**9}, "passes must be from 1 to 100"),
        ({"passes": "abc"}, "passes takes int, got 'abc'"),
        ({"fill_value": float("nan")}, "fill_value must be from"),
        ({"switches": [1]}, "switches takes Mapping, got"),
        ({"fixed": {"modalities": ["ct"], "extent_mm": [0, 0, 0], "ranges": {}}},
         "extent_mm takes numbers from 0.001"),
        ({"fixed": {"modalities": ["ct"], "extent_mm": [9, 9, 9], "ranges": {"foo": [0, 1]}}},
         "ranges may be of mean"),
        ({"fixed": {"modalities": ["ct"], "extent_mm": [9, 9, 9], "ranges": None}},
         "fixed.ranges takes Mapping, got None"),
    ],
)  # fmt: skip
def test_a_card_that_no_training_writes(change, says) -> None:
    content = json.loads(json.dumps(card().to_json())) | change
    with pytest.raises(FileFormatError, match=rf"card of here cannot be used: .*{says}"):
        PairNetCard.from_json(content, "here")


@pytest.mark.parametrize(
    ("learnt", "low", "high", "says"),
    [
        (
            "mu",
            -1000.0,
            1500.0,
            r"moving image runs from -1000 to 1500: not an attenuation map in 1/cm",
        ),
        (
            "mu",
            0.0,
            900.0,
            "not an attenuation map in 1/cm; if it is a CT in HU, give `--moving-modality ct`",
        ),
        (
            "ct",
            0.0,
            0.25,
            "not a CT in HU; if it is an attenuation map in 1/cm, give `--moving-modality mu`",
        ),
        ("mu", 0.0, 0.3, None),
        ("mu", -0.13, 0.3, None),  # noise
        ("ct", -1024.0, 1500.0, None),
    ],
)
def test_a_scan_in_another_unit_is_doubted(monkeypatch, learnt, low, high, says) -> None:
    """Nothing tells the modality, so it is taken for what was learnt."""
    pair = phantom_pairs.plain_problem().pair
    ramp = np.linspace(low, high, pair.moving.array.size).reshape(pair.moving.array.shape)
    pair = replace(pair, moving=Volume(ramp, pair.moving.grid))
    look = replace(card().moving, modalities=(learnt,), ranges={})
    Oracle(monkeypatch, card(moving=look), np.zeros(6))
    warnings = LearnedRegistration(passes=1).register(pair).diagnostics["warnings"]
    about = [words for words in warnings if "runs from" in words]
    if says is None:
        assert about == []
    else:
        (words,) = about
        assert re.search(says, words)


@pytest.mark.conformance
def test_installed_weights_make_a_method(trained) -> None:
    offer = default_registry().method("dvnet")
    assert offer.problem == ""
    subject = MethodUnderTest(offer)
    found = {name: run_check(name, subject) for name in CHECKS}
    failed = {name: o.why for name, o in found.items() if o.status == "failed"}
    assert failed == {}
    done = {name for name, o in found.items() if o.status == "ok"}
    assert done >= {"returns its model", "repeatable", "inputs unchanged", "sizes may differ"}


@pytest.mark.usefixtures("_believed")
def test_different_pairs_give_different_maps(trained) -> None:
    method = LearnedRegistration("dvnet")
    one, other = (
        method.register(
            Pair(
                thorax(phantom_pairs.covering()),
                thorax(phantom_pairs.covering(), "ct", pose),
            )
        )
        for pose in (AffineTransform.shift((0, 0, 0)), rigid((0, 0, 20), (30, 0, 0)))
    )
    assert distance_mm(one.transform, other.transform, phantom_pairs.body_points()) > 1e-4


def test_missing_weights_are_a_reason(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="weights missing: regkit train nothing"):
        LearnedRegistration("nothing").register(phantom_pairs.plain_problem().pair)


def test_weights_that_do_not_fit_their_card(trained) -> None:
    path = trained.with_suffix(".json")
    content = json.loads(path.read_text())
    write_signed_card(path, content | {"switches": {"width": 0.1}})
    with pytest.raises(FileFormatError, match=r"does not fit the network of its card \(dvnet\)"):
        LearnedRegistration("dvnet").register(phantom_pairs.plain_problem().pair)
    write_signed_card(path, {k: v for k, v in content.items() if k != "spacing"})
    with pytest.raises(FileFormatError, match="cannot be used: it has no 'spacing'"):
        LearnedRegistration("dvnet").register(phantom_pairs.plain_problem().pair)
    write_signed_card(path, content | {"sha256": "0" * 64})
    with pytest.raises(FileFormatError, match="are not those of their card"):
        LearnedRegistration("dvnet").register(phantom_pairs.plain_problem().pair)


def test_a_file_that_is_no_safetensors(trained) -> None:
    trained.write_bytes(b"nothing of the kind")
    path = trained.with_suffix(".json")
    content = json.loads(path.read_text()) | {"sha256": sha256(trained)}
    write_signed_card(path, content)
    with pytest.raises(FileFormatError, match="is no safetensors file"):
        LearnedRegistration("dvnet").register(phantom_pairs.plain_problem().pair)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"passes": 0}, "passes takes auto, or 1 to 100, got 0"),
        ({"weights": ""}, "weights takes a name"),
    ],
)
def test_parameters_out_of_range(parameters, says) -> None:
    with pytest.raises(ParameterError, match=says):
        LearnedRegistration(**parameters)


def test_a_device_that_is_not_there(trained) -> None:
    with pytest.raises(ParameterError, match="'cuda:77' cannot be used here"):
        LearnedRegistration("dvnet", device="cuda:77").register(phantom_pairs.plain_problem().pair)


def test_volumes_of_one_kind(monkeypatch) -> None:
    """An image that does not say what it is counts as what was learnt."""
    plain = phantom_pairs.plain_problem().pair
    silent = [Volume(v.array, v.grid) for v in (plain.fixed, plain.moving)]
    shown = []
    for pair in (plain, Pair(*silent)):
        oracle = Oracle(monkeypatch, card(), np.zeros(6))
        LearnedRegistration(passes=1).register(pair)
        shown.append(oracle.shown[0])
    np.testing.assert_array_equal(shown[0][0], shown[1][0])


def test_a_file_of_weights_serves_a_method_that_has_none_of_its_own(trained, monkeypatch) -> None:
    """Nothing shipped and nothing installed: only the file that the parameter names."""
    file = trained.rename(trained.with_name("mine.safetensors"))
    trained.with_suffix(".json").rename(file.with_suffix(".json"))
    monkeypatch.setattr("regkit.registry.find_weights", lambda *_: None)
    with pytest.raises(MissingDependencyError, match="dvnet weights missing: regkit train dvnet"):
        build_method("dvnet")
    method = build_method("dvnet", {"weights": str(file)})
    assert method.register(phantom_pairs.plain_problem().pair).diagnostics["network"] == "dvnet"
