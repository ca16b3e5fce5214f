"""CT numbers to attenuation, against published coefficients and slopes."""

import numpy as np
import pytest

import regkit
from regkit import Grid, Volume
from regkit.errors import ParameterError
from regkit.io.attenuation_map import attenuation_per_cm, water_per_cm

GRID = Grid((1, 1, 4), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))


def ct(*hu: float) -> Volume:
    return Volume(np.reshape(hu, (1, 1, 4)), GRID, "ct", file_dtype="int16")


# Water in NIST XCOM at energies that are not in the table: Tl-201, Tc-99m, I-123, annihilation.
@pytest.mark.parametrize(
    ("kev", "expected"), [(70, 0.193), (140, 0.154), (159, 0.147), (511, 0.096)]
)
def test_water_attenuates_as_published(kev, expected):
    assert water_per_cm(kev) == pytest.approx(expected, rel=0.01)
    assert attenuation_per_cm(np.zeros(1), kev)[0] == pytest.approx(expected, rel=0.01)


def test_air_is_nothing_and_lung_is_in_proportion():
    mu = attenuation_per_cm(np.array([-1000.0, -3024.0, -750.0]), 140.5)
    assert mu[:2].tolist() == [0.0, 0.0]
    assert mu[2] == pytest.approx(water_per_cm(140.5) / 4)


def test_at_511_kev_bone_follows_the_line_measured_by_carney_et_al_at_120_kvp():
    """Carney et al. 2006, doi:10.1118/1.2174132: 5.10e-5 (HU + 1000) + 4.71e-2 from 47 HU on."""
    hu = np.array([100.0, 500.0, 1000.0, 1500.0])
    assert attenuation_per_cm(hu, 511) == pytest.approx(5.10e-5 * (hu + 1000) + 4.71e-2, rel=0.03)


def test_bone_stands_out_less_the_higher_the_energy():
    ratios = [
        attenuation_per_cm(np.array([1000.0]), kev)[0] / water_per_cm(kev)
        for kev in (74, 140.5, 511)
    ]
    assert ratios[0] == pytest.approx(2.0), "at the energy of the CT HU are what they say"
    assert ratios == sorted(ratios, reverse=True)


def test_a_ct_becomes_an_attenuation_map_on_its_grid():
    mu = regkit.attenuation_map(ct(-1000, -750, 0, 1000))
    assert (mu.modality, mu.grid, mu.file_dtype) == ("mu", GRID, "")
    assert np.diff(mu.array.ravel()).min() > 0


def test_what_is_no_ct_in_hu_and_energies_beyond_the_table_are_refused():
    with pytest.raises(
        ParameterError, match=r"lowest value of this image is 0; if it is an atten"
    ):
        regkit.attenuation_map(ct(0, 0.05, 0.15, 0.3))
    with pytest.raises(ParameterError, match=r"must be 60 to 600 keV, got 20; it is 140\.5"):
        regkit.attenuation_map(ct(-1000, -750, 0, 1000), 20)
