"""Images of SimpleITK, nibabel and ANTs become volumes where these libraries place them."""

import ants
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

import regkit
from regkit.errors import RegistrationError, RegkitError
from regkit.io.library_images import as_mask, as_volume

SHAPE = (4, 5, 6)
INDICES = [(0, 0, 0), (3, 0, 5), (1, 4, 2)]


def oblique(seed: int) -> np.ndarray:
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return axes


def make(direction: np.ndarray, modality: str = "") -> regkit.Volume:
    array = np.random.default_rng(0).normal(size=SHAPE)
    return regkit.volume(array, (1.5, 2, 4), (-90, 20, 33), direction, modality=modality)


DIRECTIONS = {
    "straight": np.eye(3),
    "flipped": np.diag([-1.0, 1, -1]),
    "permuted": np.eye(3)[[1, 2, 0]],
    "reflected": np.diag([1.0, 1, -1]),
    "oblique": oblique(3),
}


@pytest.fixture(params=DIRECTIONS.values(), ids=DIRECTIONS)
def volume(request) -> regkit.Volume:
    return make(request.param)


def same(found: regkit.Volume, expected: regkit.Volume) -> bool:
    return found.grid.matches(expected.grid, 1e-5) and np.array_equal(found.array, expected.array)


def test_simpleitk_and_back(volume):
    image = volume.to_sitk()
    for index in INDICES:
        point = image.TransformIndexToPhysicalPoint(index[::-1])
        assert volume.grid.to_physical(index) == pytest.approx(point, abs=1e-9)
        assert image[index[::-1]] == volume.array[index]
    assert same(as_volume(image, "fixed"), volume)


def test_nibabel_and_back(volume):
    image = volume.to_nibabel()
    assert image.header.get_xyzt_units()[0] == "mm"
    for index in INDICES:
        point = image.affine @ [*index[::-1], 1]
        assert volume.grid.to_physical(index) == pytest.approx(point[:3] * [-1, -1, 1], abs=1e-4)
        assert image.dataobj[index[::-1]] == volume.array[index]
    assert same(as_volume(image, "fixed"), volume)


def test_ants(volume):
    image = ants.from_numpy(
        volume.array.transpose(2, 1, 0).copy(),
        origin=list(volume.grid.origin),
        spacing=list(volume.spacing),
        direction=np.reshape(volume.grid.direction, (3, 3)),
    )
    for index in INDICES:
        point = ants.transform_index_to_physical_point(image, index[::-1])
        assert volume.grid.to_physical(index) == pytest.approx(point, abs=1e-4)
    assert same(as_volume(image, "fixed"), volume)


def test_a_file_of_nibabel_and_its_image_are_one_volume(tmp_path):
    affine = np.diag([0.002, 0.002, 0.003, 1])
    image = nibabel.Nifti1Image(np.arange(120, dtype=np.int16).reshape(6, 5, 4, 1), affine)
    image.header.set_xyzt_units("meter")
    image.header.set_slope_inter(2, 1)
    nibabel.save(image, tmp_path / "a.nii.gz")
    loaded = nibabel.load(tmp_path / "a.nii.gz")
    assert same(as_volume(loaded, "fixed"), regkit.read_volume(tmp_path / "a.nii.gz"))


def test_a_path_is_read_with_its_modality(tmp_path):
    regkit.write_volume(make(np.eye(3)), tmp_path / "a.nrrd")
    found = as_volume(str(tmp_path / "a.nrrd"), "fixed", "pet")
    assert (found.modality, found.modality_source) == ("pet", "given")


def test_a_volume_stays_as_it_is_unless_its_modality_is_said():
    volume = make(np.eye(3), "ct")
    assert as_volume(volume, "fixed") is volume
    assert as_volume(volume, "fixed", "mr").modality == "mr"


def test_whole_numbers_keep_their_type_for_output():
    image = sitk.GetImageFromArray(np.zeros(SHAPE, np.int16))
    assert as_volume(image, "fixed").file_dtype == "int16"


def test_masks_become_labels():
    image = sitk.GetImageFromArray(np.eye(4, dtype=np.uint8)[None].repeat(4, 0))
    mask = as_mask(image, "fixed")
    assert isinstance(mask, regkit.LabelMap)
    assert mask.labels == (1,)
    assert as_mask(mask, "fixed") is mask
    assert as_mask(regkit.volume(np.ones(SHAPE), 1), "fixed").labels == (1,)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            np.zeros(SHAPE),
            r"the moving image is an array .*\(4, 5, 6\); make .*regkit\.volume",
        ),
        (None, r"the moving image is None; .*give a path"),
        (3.5, "the moving image is 3.5; "),
        (sitk.Image(4, 4, sitk.sitkFloat32), "the moving image: is 2-D"),
        (sitk.Image([4, 4, 4], sitk.sitkVectorUInt8), "the moving image: holds colors or vectors"),
        (
            nibabel.Nifti1Image(np.zeros((3, 3, 3, 4)), np.eye(4)),
            "the moving image: holds 4 frames",
        ),
        (ants.from_numpy(np.zeros((4, 4))), "the moving image: is 2-D"),
    ],
    ids=lambda value: value[:22] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_image_is_one_error_that_says_what_to_do(image, said):
    with pytest.raises(RegkitError, match=said) as raised:
        as_volume(image, "moving")
    assert len(str(raised.value).splitlines()) == 1


def test_an_array_is_no_mask():
    with pytest.raises(RegistrationError, match=r"the fixed mask is an array .*; .*LabelMap"):
        as_mask(np.zeros(SHAPE), "fixed")


def test_arrays_and_sizes_of_a_volume():
    volume = make(np.eye(3))
    assert volume.shape == SHAPE == np.asarray(volume).shape
    assert volume.spacing == (1.5, 2, 4)
    assert np.asarray(volume, np.float64).dtype == np.float64
    assert np.mean(volume) == np.mean(volume.array)
    copied = np.array(volume)
    copied[:] = 0  # a copy may be written, the volume not
    assert volume.array.any()
    assert not np.asarray(volume).flags.writeable
