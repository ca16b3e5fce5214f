"""The study of a misaligned mu-map, on a ventricle of even uptake whose truth is a formula."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from attenuation_scene import LATERAL, SEPTAL, SETTINGS, Scene
from regkit.errors import GeometryError, ParameterError, RegistrationError
from regkit.geometry.rotation import rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import Volume
from regkit.io.photon_energy import PhotonEnergy
from regkit_nuclear.attenuation_study.comparison import normalized_errors
from regkit_nuclear.attenuation_study.mu_map import mu_map_of
from regkit_nuclear.attenuation_study.page import study_page
from regkit_nuclear.attenuation_study.record import study_record
from regkit_nuclear.attenuation_study.residual import (
    ResidualEffect,
    ResidualMisalignment,
    residual_effect,
    slices_around,
)
from regkit_nuclear.attenuation_study.sentences import study_sentences
from regkit_nuclear.attenuation_study.study import study_attenuation
from regkit_nuclear.spect.osem import reconstruct

pytestmark = pytest.mark.simulation

SCENE = Scene()
OSEM = {"subsets": SETTINGS.subsets, "iterations": SETTINGS.iterations}


def study(transform=SCENE.transform, mu=SCENE.mu, **options):
    return study_attenuation(
        SCENE.projections, mu, transform, labels=SCENE.labels, settings=SETTINGS, **options
    )


@pytest.fixture(scope="module")
def moved():
    return study()


def mean_of(values, segments):
    return float(np.mean(np.asarray(values)[np.subtract(segments, 1)]))


def test_the_aligned_map_gives_what_a_body_without_attenuation_would(moved):
    """The same counts through air, reconstructed without correction."""
    air = Volume(np.zeros(SCENE.grid.shape_zyx, np.float32), SCENE.grid, "mu")
    truth = moved.heart.sample(reconstruct(SCENE.scan(air), **OSEM))
    wanted = np.array([value.mean_percent for value in truth.segments])
    off = [
        np.abs([value.mean_percent for value in image.polar.segments] - wanted).mean()
        for image in moved.images
    ]
    assert [image.name for image in moved.images] == ["nac", "header", "aligned"]
    assert off[2] < 3.5
    assert off[2] < 0.5 * min(off[:2])


def test_lung_over_the_lateral_wall_takes_its_counts_away(moved):
    header = moved.differences[1]
    assert header.image.name == "header"
    lateral, septal = (mean_of(header.segments_pct, s) for s in (LATERAL, SEPTAL))
    assert lateral < septal - 5
    assert lateral < -5


def test_errors_are_those_of_the_formula(moved):
    for difference in moved.differences:
        a, b = (i.image.array.astype(float) for i in (difference.image, difference.reference))
        a, b = a / a.mean(), b / b.mean()
        nmse, nmae = 100 * ((a - b) ** 2).sum() / (b**2).sum(), 100 * abs(a - b).sum() / b.sum()
        assert difference.nmse_pct == pytest.approx(nmse, rel=1e-5)
        assert difference.nmae_pct == pytest.approx(nmae, rel=1e-5)
        assert difference.nmse_pct > 1


def test_segments_are_in_percent_of_the_reference(moved):
    header, aligned = moved.images[1].polar, moved.reference.polar
    for number, (one, other) in enumerate(zip(header.segments, aligned.segments, strict=True)):
        expected = 100 * (one.mean_percent - other.mean_percent) / other.mean_percent
        assert moved.differences[1].segments_pct[number] == pytest.approx(expected)


def test_the_aligned_image_is_that_of_the_map_in_its_true_place(moved):
    there = reconstruct(SCENE.projections, SCENE.true_mu, **OSEM).array
    nmse, _ = normalized_errors(moved.reference.image.array, there)
    assert nmse < 0.1


def test_a_transform_that_moves_nothing_changes_nothing():
    same = study(IDENTITY, SCENE.true_mu)
    assert same.differences[1].nmse_pct == 0
    assert not same.differences[1].segments_pct.any()
    assert same.mu_errors_pct == (0, 0)


def test_without_a_transform_the_header_is_the_reference():
    alone = study(None, SCENE.true_mu)
    assert [image.name for image in alone.images] == ["nac", "header"]
    assert alone.reference.name == "header"
    assert [d.image.name for d in alone.differences] == ["nac"]
    assert alone.mu_errors_pct is None


def test_a_transform_of_the_wrong_direction_is_refused():
    away = AffineTransform.shift((-150.0, 0.0, 0.0))
    with pytest.raises(RegistrationError, match="is the transform the right way round"):
        study(away.inverse(), Scene(away).mu)


def test_a_header_that_is_far_off_is_told():
    far = AffineTransform.shift((-150.0, 0.0, 0.0))
    noted = study(far, Scene(far).mu)
    assert any("of the heart's wall lies in air" in note for note in noted.notes)


def test_projections_without_counts_are_refused():
    nothing = np.zeros_like(SCENE.projections.counts)
    empty = type(SCENE.projections)(
        nothing, nothing, SCENE.projections.grid, SCENE.projections.orbit
    )
    with pytest.raises(RegistrationError, match="no counts"):
        study_attenuation(empty, SCENE.mu, labels=SCENE.labels)


def effect(moved, shift_mm, samples=4, seed=0):
    misalignment = ResidualMisalignment(shift_mm, samples=samples, seed=seed)
    place = (SCENE.projections, SCENE.mu, SCENE.transform)
    return residual_effect(*place, moved.heart, misalignment, settings=SETTINGS).within_pct


def test_more_misalignment_leaves_less_trust(moved):
    small, large = effect(moved, 0.01), effect(moved, 12.0)
    assert small.max() < 0.2
    assert large.max() > 20 * small.max()
    # The lung is at the lateral wall.
    assert mean_of(large, LATERAL) > mean_of(large, SEPTAL)


def test_what_is_not_known_is_said_in_words(moved):
    within = np.linspace(1.0, 9.0, 17)
    within[[3, 8]] = np.nan
    for known, words in (
        (within, "±1.0 % (basal anterior) to ±9.0 % (apex); unknown in 2 of 17 segments"),
        (np.full(17, np.nan), "their effect is unknown: no wall with uptake was found"),
    ):
        told = replace(
            moved, residual=ResidualEffect(ResidualMisalignment(3.0), np.stack([known, known]))
        )
        assert words in study_sentences(told)[-1]
    told = replace(moved, residual=ResidualEffect(ResidualMisalignment(3.0), within[None]))
    record = study_record(told, {}, dict.fromkeys(("nac", "header", "aligned"), "x"), "")
    page = re.sub(r"<pre>.*</pre>", "", study_page(told, record, "t"), flags=re.DOTALL)
    assert page.count(">unknown<") == 2
    assert "Unknown: no wall with uptake" in page
    assert not re.search(r"\bnan\b", page)


def test_samples_depend_on_the_seed_alone(moved):
    threads = torch.get_num_threads()
    first = effect(moved, 6.0, samples=2)
    try:
        torch.set_num_threads(2)
        again = effect(moved, 6.0, samples=2)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(first, again)
    assert (effect(moved, 6.0, samples=2, seed=1) != first).any()


def test_the_slices_of_the_heart_are_enough(moved):
    part = slices_around(SCENE.projections, moved.heart)
    assert part.grid.shape_zyx[0] < SCENE.projections.grid.shape_zyx[0]
    whole, near = (
        moved.heart.sample(reconstruct(p, SCENE.mu, SCENE.transform, **OSEM)).percent
        for p in (SCENE.projections, part)
    )
    assert np.nanmax(np.abs(whole - near)) < 0.5


def test_motions_have_the_size_that_was_asked_for():
    centre = np.array([40.0, -30.0, 20.0])
    motions = ResidualMisalignment(3.0, 2.0, samples=4000).motions(centre)
    shifts = np.array([motion.map_points(centre[None])[0] - centre for motion in motions])
    turns = [rotation_angle(motion.matrix[:3, :3]) for motion in motions]
    assert np.sqrt((shifts**2).sum(1).mean()) == pytest.approx(3.0, rel=0.03)
    assert np.sqrt(np.square(turns).mean()) == pytest.approx(2.0, rel=0.03)
    np.testing.assert_allclose(shifts.mean(0), 0, atol=0.15)


@pytest.mark.parametrize("text", ["", "a", "1,2,3", "-1,0", "0,0", "nan"])
def test_a_wrong_residual_is_refused(text):
    with pytest.raises(ParameterError, match="residual"):
        ResidualMisalignment.parse(text)


def test_a_residual_is_read_from_text():
    assert ResidualMisalignment.parse("3,1.5") == ResidualMisalignment(3.0, 1.5)
    assert ResidualMisalignment.parse("3") == ResidualMisalignment(3.0, 0.0)


def test_a_ct_becomes_a_mu_map():
    grid = SCENE.grid
    hu = np.full(grid.shape_zyx, -1000.0, np.float32)
    hu[10:20] = 0.0
    mu = mu_map_of(Volume(hu, grid, "ct")).mu
    assert mu.modality == "mu"
    assert mu.array.min() == 0
    assert mu.array.max() == pytest.approx(0.154, abs=0.002)  # water at 140 keV (NIST)


@pytest.mark.parametrize(("kev", "water"), [(71.0, 0.192), (159.0, 0.1475), (511.0, 0.0959)])
def test_a_ct_is_converted_for_the_tracer(kev, water):
    hu = np.where(SCENE.mu.array > 0, 0.0, -1000.0)
    found = mu_map_of(Volume(hu, SCENE.grid, "ct"), PhotonEnergy(kev, "that of the test"))
    assert found.mu.array.max() == pytest.approx(water, rel=0.005)  # NIST
    assert found.notes == (
        f"the CT was converted to attenuation at {kev:g} keV, that of the test",
    )


def test_a_mu_map_may_be_scaled_by_a_power_of_ten():
    assert mu_map_of(SCENE.mu).mu.array.max() == pytest.approx(0.155)
    scaled = mu_map_of(Volume(1e4 * SCENE.mu.array, SCENE.grid, "mu"))
    np.testing.assert_allclose(scaled.mu.array, SCENE.mu.array, rtol=1e-5)
    assert any("1/cm times 10000" in note for note in scaled.notes)


def test_what_is_no_mu_map_is_refused():
    with pytest.raises(ParameterError, match=r"about 50, and no power of ten"):
        mu_map_of(Volume(np.where(SCENE.mu.array > 0, 50.0, 0.0), SCENE.grid, "mu"))
    with pytest.raises(GeometryError, match=r"modality 'mr'"):
        mu_map_of(Volume(SCENE.mu.array, SCENE.grid, "mr"))
