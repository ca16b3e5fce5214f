"""Images made ready for networks: what stands where a scan shows nothing."""

import numpy as np
import pytest

from regkit import Grid, Volume
from regkit.learning.preprocessing import pad_in_plane

GRID = Grid((3, 4, 5), (10.0, 12.0, 14.0), (-20.0, 5.0, 40.0))


@pytest.mark.parametrize(
    ("modality", "beside"), [("mu", 0.0), ("ct", 0.0), ("mr", 0.7), ("", 0.7)]
)
def test_beside_its_slices_an_image_goes_on_and_beyond_them_it_ends(modality, beside) -> None:
    """A CT as air: a body that lies askew in it is not drawn out to a beam."""
    wide = pad_in_plane(Volume(np.full(GRID.shape_zyx, 0.7), GRID, modality), 25.0)
    assert wide.grid.shape_zyx == (3, 4 + 2 * 3, 5 + 2 * 3)
    np.testing.assert_allclose(wide.grid.to_physical((0, 3, 3)), GRID.to_physical((0, 0, 0)))
    inside = np.zeros(wide.grid.shape_zyx, dtype=bool)
    inside[:, 3:-3, 3:-3] = True
    assert (wide.array[inside] == 0.7).all()
    assert (wide.array[~inside] == beside).all()


def test_beside_what_a_mask_hides_there_is_no_air() -> None:
    array = np.full(GRID.shape_zyx, 0.7)
    array[:, :, 0] = np.nan
    wide = pad_in_plane(Volume(array, GRID, "mu"), 25.0)
    assert np.isnan(wide.array[:, 3:-3, :4]).all()
    assert (wide.array[:, 3:-3, -3:] == 0).all()
