"""AC scores: nothing for a perfect registration, more for a worse one, and only where known."""

import gc
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from regkit.datasets.case import Case
from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import IDENTITY
from regkit.geometry.volume import LabelMap, Volume
from regkit.metrics.evaluation import Evaluation, NotKnownError, evaluate
from regkit.registrar import Estimate, Pair
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit_nuclear.metrics import ac_nmae_pct, ac_nmse_pct, eti_pct
from regkit_nuclear.phantoms.thorax.anatomy import hounsfield
from regkit_nuclear.spect import osem
from regkit_nuclear.spect.acquire import acquire
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.projections import write_projections
from spect_scenes import cylinder, frame

pytestmark = pytest.mark.simulation

GRID = frame(32, 16)
TRUTH = rigid((0.0, 0.0, 8.0), (14.0, -9.0, 6.0), GRID.centre)


def column(radius, x, y):
    """A cylinder along z around (x, y) mm that ends inside the field."""
    shift = np.rint(np.array([y, x]) / GRID.spacing[0]).astype(int)
    return np.roll(cylinder(GRID, radius, 75), shift, axis=(1, 2))


HEART = column(35, 54, -27)
BODY = column(130, 0, 0) > 0.5
LUNG = (column(70, 54, -27) > 0.5) & (HEART < 0.5)


@pytest.fixture(scope="module")
def case():
    activity = Volume(0.1 * BODY + HEART, GRID, "spect")
    mu = Volume(np.where(LUNG, 0.042, 0.155 * BODY), GRID, "mu")
    rng = np.random.Generator(np.random.PCG64(3))
    projections = acquire(activity, mu, rng, orbit=Orbit.cardiac(20))
    moving = resample(mu, GRID, TRUTH.inverse())
    labels = LabelMap((2 * (HEART > 0.99)).astype(np.uint8), GRID)
    extra = {"projections": projections, "myocardium_label": 2}
    return Case("p1", Pair(activity, moving), TRUTH, fixed_labels=labels, extra=extra)


def variant(case, **changes):
    fields = {
        name: getattr(case, name) for name in ("id", "pair", "truth", "fixed_labels", "extra")
    }
    return Case(**fields | changes)


def judged(case, transform):
    estimate, verdict = Estimate(transform), Verdict("OK", (), {})
    result = RegistrationResult("test", {}, case.pair, estimate, verdict, 0.0)
    return Evaluation(case, result)


def test_a_perfect_registration_scores_nothing(case):
    evaluation = judged(case, TRUTH)
    assert ac_nmse_pct(evaluation) == 0
    assert ac_nmae_pct(evaluation) == 0
    assert eti_pct(evaluation) < 1


def test_reconstructions_run_on_the_device_of_the_evaluation(case, monkeypatch):
    named = []

    def device_named(name):
        named.append(name)
        return torch.device("cpu")

    monkeypatch.setattr("regkit.learning.device.device_named", device_named)
    evaluation = replace(judged(variant(case), TRUTH), device="cuda:1")
    ac_nmse_pct(evaluation)
    assert set(named) == {"cuda:1"}


def test_a_worse_registration_scores_more(case):
    errors_mm = (0.0, 3.3, 13.0, 40.0)
    off = [judged(case, TRUTH @ rigid((0, 0, 0), (mm, 0, 0))) for mm in errors_mm]
    for score in (ac_nmse_pct, ac_nmae_pct, eti_pct):
        values = [score(evaluation) for evaluation in off]
        assert values == sorted(values)
    assert ac_nmse_pct(off[1]) < 0.1 * ac_nmse_pct(off[3])
    assert eti_pct(off[3]) > 20


def test_a_common_factor_does_not_count(case):
    """Twice the counts give twice the image, and the same error."""
    stored = case.extra["projections"]
    doubled = type(stored)(2 * stored.counts, 2 * stored.scatter, stored.grid, stored.orbit)
    other = variant(case, extra={"projections": doubled})
    first, second = (ac_nmae_pct(judged(c, IDENTITY)) for c in (case, other))
    assert second == pytest.approx(first, rel=1e-3)


def test_projections_may_be_a_file(case, tmp_path):
    write_projections(case.extra["projections"], tmp_path / "p1.npz")
    for path in (tmp_path / "p1.npz", str(tmp_path / "p1.npz")):
        stored = variant(case, extra={"projections": path})
        expected = ac_nmse_pct(judged(case, IDENTITY))
        assert ac_nmse_pct(judged(stored, IDENTITY)) == pytest.approx(expected)


def test_the_reference_is_reconstructed_once_for_all_methods_of_a_case(case, monkeypatch):
    own = variant(case)
    made = []
    plain = osem.reconstruct
    monkeypatch.setattr(osem, "reconstruct", lambda *a, **k: made.append(a[2]) or plain(*a, **k))
    for method in (IDENTITY, TRUTH):
        evaluation = judged(own, method)
        ac_nmse_pct(evaluation)
        ac_nmae_pct(evaluation)
    assert len(made) == 3


def test_nothing_is_kept_of_a_case_that_is_gone(case):
    image_bytes = 8 * case.pair.fixed.array.size
    ac_nmse_pct(judged(variant(case), TRUTH))  # what is allocated once
    gc.collect()
    tracemalloc.start()
    own = variant(case)
    evaluation = judged(own, TRUTH)
    ac_nmse_pct(evaluation)
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] >= 2 * image_bytes
    del own, evaluation
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] < image_bytes / 2
    tracemalloc.stop()


def test_what_a_case_cannot_support_is_left_out(case):
    scores = {"ac_nmse_pct": ac_nmse_pct, "eti_pct": eti_pct}
    bare = variant(case, extra={})
    assert evaluate(bare, judged(bare, TRUTH).result, scores) == {}


@pytest.mark.parametrize(
    ("score", "changes", "reason"),
    [
        (ac_nmse_pct, {"truth": None}, "no true transform"),
        (ac_nmse_pct, {"extra": {}}, "no projections"),
        (ac_nmae_pct, {"extra": {"projections": 3}}, "no projections"),
        (eti_pct, {"extra": {}}, "which fixed label is the myocardium"),
        (eti_pct, {"fixed_labels": None}, "which fixed label is the myocardium"),
        (
            eti_pct,
            {"extra": {"myocardium_label": 9}},
            "the myocardium's label 9",
        ),
    ],
)
def test_what_is_not_known_is_said(case, score, changes, reason):
    with pytest.raises(NotKnownError, match=reason):
        score(judged(variant(case, **changes), IDENTITY))


@pytest.mark.parametrize("score", [ac_nmse_pct, eti_pct])
def test_a_moving_image_that_is_no_mu_map_is_not_scored(case, score):
    for modality in ("ct", "mr"):  # 0.15 is no number of a CT in HU
        moving = Volume(case.pair.moving.array, GRID, modality)
        with pytest.raises(NotKnownError, match="neither a mu-map nor a CT in HU"):
            score(judged(variant(case, pair=Pair(case.pair.fixed, moving)), IDENTITY))


def test_a_ct_scores_as_the_mu_map_made_from_it(case):
    ct = Volume(hounsfield(case.pair.moving.array), GRID, "ct")
    own = variant(case, pair=Pair(case.pair.fixed, ct))
    for score in (ac_nmse_pct, eti_pct):
        expected = score(judged(case, IDENTITY))
        assert score(judged(own, IDENTITY)) == pytest.approx(expected, rel=1e-3)
