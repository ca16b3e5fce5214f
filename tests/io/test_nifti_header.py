"""Headers of NIfTI files, judged by nibabel."""

import io
from itertools import product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.geometry.rotation import quaternion_of, rotation_matrix, rotation_of
from regkit.io.nifti_header import (
    header_bytes,
    header_dtype,
    header_sform,
    header_shape,
    new_header,
    parse_header,
)

ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)
SIGNED_AXES = [np.diag(signs) for signs in product((-1.0, 1.0), repeat=3)]


def written_by_nibabel(shape, dtype, affine) -> bytes:
    image = nib.Nifti1Image(np.zeros(shape, dtype), affine, dtype=dtype)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    stream = io.BytesIO()
    image.to_stream(stream)
    return stream.getvalue()[:352]


def placed(axes) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([0.8, 2.5, 1.1])
    affine[:3, 3] = (-91.5, 12.25, 300.0)
    return affine


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "f4"])
@pytest.mark.parametrize("axes", SIGNED_AXES)
def test_a_new_header_has_the_bytes_of_nibabel(axes, dtype) -> None:
    ours = header_bytes(new_header((3, 4, 5), dtype, placed(axes)))
    assert ours == written_by_nibabel((3, 4, 5), np.dtype(dtype), placed(axes))


@given(ANGLES, st.sampled_from([-1.0, 1.0]))
def test_an_oblique_header_places_voxels_as_nibabel_does(angles, handedness) -> None:
    affine = placed(rotation_matrix(angles) @ np.diag([1.0, 1.0, handedness]))
    content = header_bytes(new_header((3, 4, 5), "int16", affine))
    judge = nib.Nifti1Header(content[:348])
    np.testing.assert_allclose(judge.get_qform(), affine, atol=2e-3)
    np.testing.assert_allclose(judge.get_sform(), affine, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(header_sform(parse_header(content)), judge.get_sform())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_headers_of_nibabel_are_read(kind, order, dtype) -> None:
    header = kind(endianness=order)
    header.set_data_shape((7, 8, 9, 1))
    header.set_data_dtype(np.dtype(dtype))
    header.set_sform(placed(np.eye(3)), code=2)
    header.set_slope_inter(0.5, -3.0)
    header["descrip"] = b"TE=30"
    found = parse_header(header.binaryblock)
    assert header_shape(found) == header.get_data_shape()
    assert header_dtype(found) == header.get_data_dtype()
    for field in found.dtype.names:
        np.testing.assert_array_equal(found[field], header[field])


@given(ANGLES)
def test_rotations_return_from_quaternions(angles) -> None:
    rotation = rotation_matrix(angles)
    quaternion = quaternion_of(rotation)
    np.testing.assert_allclose(rotation_of(quaternion), rotation, atol=1e-9)
    assert quaternion[0] >= 0
    np.testing.assert_allclose(rotation_of(3 * quaternion), rotation, atol=1e-9)
    np.testing.assert_allclose(nib.quaternions.quat2mat(quaternion), rotation, atol=1e-9)
