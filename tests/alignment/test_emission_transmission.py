"""The emission-transmission index against shapes whose overlap is known."""

import numpy as np
import pytest

from regkit import AffineTransform, Grid, LabelMap, Volume
from regkit.alignment.emission_transmission import (
    DIRECTIONS,
    emission_transmission_index,
    index_after_shifts,
)
from regkit.alignment.heart import Myocardium, myocardium_in_labels
from regkit.alignment.transmission import as_transmission
from regkit.errors import ParameterError
from regkit.io.photon_energy import GIVEN, PhotonEnergy

GRID = Grid((30, 30, 30), (5.0, 5.0, 5.0), (-72.5, -72.5, -72.5))
TISSUE, LUNG = 0.155, 0.042


def cube(half_mm: float, grid: Grid = GRID) -> np.ndarray:
    """Return a mask of a cube around the origin."""
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    return (np.abs(points) < half_mm).all(axis=-1)


def mu_map(factor: float = 1.0) -> Volume:
    """Return soft tissue to the patient's right, lung to the left of x = 30 mm."""
    x = GRID.to_physical(np.moveaxis(np.indices(GRID.shape_zyx), 0, -1))[..., 0]
    return Volume(np.where(x < 30, TISSUE, LUNG) * factor, GRID, "mu")


@pytest.fixture
def heart() -> Myocardium:
    return myocardium_in_labels(LabelMap(cube(30), GRID))


def test_a_heart_in_tissue_has_none_of_it_on_lung(heart):
    assert emission_transmission_index(heart.points, mu_map(), TISSUE) == 0


@pytest.mark.parametrize("shift_mm", [10.0, 20.0, 30.0])
def test_the_index_is_the_share_beyond_the_boundary(heart, shift_mm):
    moved = AffineTransform.shift((shift_mm, 0, 0))
    found = emission_transmission_index(heart.points, mu_map(), TISSUE, moved)
    assert found == pytest.approx(100 * shift_mm / 60)


def test_moving_the_map_by_a_voxel_acts_in_that_direction_only(heart):
    found = index_after_shifts(heart.points, mu_map(), TISSUE, (5.0, 5.0, 5.0))
    assert set(found) == set(DIRECTIONS)
    assert found.pop("right") == pytest.approx(100 * 5 / 60), "the lung comes nearer"
    assert set(found.values()) == {0.0}


def test_a_heart_beyond_the_map_has_no_index(heart):
    far = AffineTransform.shift((0, 0, 80))
    assert emission_transmission_index(heart.points, mu_map(), TISSUE, far) is None


@pytest.mark.parametrize("factor", [1.0, 10_000.0, 0.1, 1000.0])
def test_maps_in_any_power_of_ten_are_understood(factor):
    found = as_transmission(mu_map(factor))
    assert found.tissue_per_cm == pytest.approx(TISSUE, rel=0.01)
    assert np.allclose(found.mu.array, mu_map().array, rtol=1e-5)
    assert bool(found.notes) == (factor != 1.0)


def test_a_ct_is_converted_for_the_tracer():
    hu = Volume(np.where(cube(60), 0.0, -1000.0), GRID, "ct")
    spect, pet = as_transmission(hu, "spect"), as_transmission(hu, "pet")
    assert spect.tissue_per_cm == pytest.approx(0.1537, abs=0.001)
    assert pet.tissue_per_cm == pytest.approx(0.0959, abs=0.001)
    assert spect.notes == (
        "the CT was converted to attenuation at 140.5 keV, that of Tc-99m, the usual tracer",
    )
    given = as_transmission(hu, "spect", PhotonEnergy(511, GIVEN))
    assert given.mu.array.max() == pet.mu.array.max()
    assert (spect.name, as_transmission(mu_map()).name) == ("CT", "attenuation map")


@pytest.mark.parametrize(("kev", "told"), [(140.5, False), (159, False), (71, True), (511, True)])
def test_a_map_for_another_tracer_is_told(kev, told):
    """Soft tissue has 0.19/cm at 71 keV, 0.15 at 140 and 0.10 at 511."""
    notes = as_transmission(mu_map(), "spect", PhotonEnergy(kev, "of the test")).notes
    assert any(f"at {kev:g} keV, of the test: is the map" in note for note in notes) == told


def test_what_is_no_transmission_image_is_refused():
    with pytest.raises(
        ParameterError, match=r"got MR; if it is one, give --transmission-modality"
    ):
        as_transmission(Volume(mu_map().array, GRID, "mr"))
    with pytest.raises(
        ParameterError, match=r"soft tissue in the attenuation map are about 0\.046"
    ):
        as_transmission(mu_map(0.3))
    with pytest.raises(ParameterError, match="no value above 0"):
        as_transmission(mu_map(0.0))


def test_labels_of_many_organs_need_the_name_of_the_myocardium():
    array = cube(30).astype(np.uint8)
    array[0, 0, :3] = (2, 3, 4)
    with pytest.raises(ParameterError, match=r"4 different numbers \(1, 2, 3, 4\).*--myocardium"):
        myocardium_in_labels(LabelMap(array, GRID))
    with pytest.raises(ParameterError, match=r"have 0 voxels of myocardium \(number 1\)"):
        myocardium_in_labels(LabelMap(np.zeros(GRID.shape_zyx, np.uint8), GRID))


def test_the_only_label_is_the_myocardium_whatever_its_number():
    found = myocardium_in_labels(LabelMap(cube(30) * 12, GRID))
    assert len(found.points) == 12**3
    assert found.centre == pytest.approx((0, 0, 0), abs=1e-9)
