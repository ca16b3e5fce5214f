"""NRRD files are read as SimpleITK reads them, or refused in one line."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from header_files import PLACED_NRRD, VOXELS
from regkit import LabelMap, read_labels, read_volume, write_volume
from regkit.errors import FileFormatError
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.io.images import read_raw

EXPECTED = VOXELS.reshape(3, 4, 5)
CONTENT = VOXELS.tobytes()
PACKED = gzip.compress(CONTENT, mtime=0)  # without a time: part of the tests' names
TYPES = {
    "signed char": "i1", "int8": "i1", "uchar": "u1", "unsigned char": "u1", "short": "i2",
    "short int": "i2", "int16_t": "i2", "ushort": "u2", "unsigned short": "u2", "int": "i4",
    "signed int": "i4", "uint32": "u4", "long long": "i8", "int64": "i8", "ulonglong": "u8",
    "float": "f4", "double": "f8", "UINT16": "u2",
}  # fmt: skip
GIVEN = {"type": "uint16", "encoding": "raw", "endian": "little", "dimension": "3",
         "sizes": "5 4 3"}  # fmt: skip


def same_as_itk(path) -> None:
    """Compare the stored voxels and the grid with SimpleITK's."""
    judge = sitk.ReadImage(str(path))
    raw = read_raw(path)
    expected = sitk.GetArrayFromImage(judge).reshape(raw.array.shape)
    assert raw.array.dtype.newbyteorder("=") == expected.dtype
    np.testing.assert_array_equal(raw.array, expected)
    assert np.ptp(expected) > 0
    spatial = judge if judge.GetDimension() == 3 else judge[..., 0]
    assert read_volume(path).grid.matches(grid_from_sitk(spatial))


def write(path, *lines, content=CONTENT, magic="NRRD0004", **fields):
    header = [f"{name}: {value}" for name, value in (GIVEN | fields).items() if value]
    path.write_bytes("\n".join([magic, *header, *lines, "", ""]).encode() + content)
    return path


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_in_both_byte_orders(name, endian, tmp_path):
    stored = VOXELS.astype((">" if endian == "big" else "<") + TYPES[name])
    path = tmp_path / "a.nrrd"
    same_as_itk(write(path, *PLACED_NRRD, type=name, endian=endian, content=stored.tobytes()))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("gzip", PACKED), ("GZ", PACKED),
     ("ascii", " ".join(map(str, VOXELS)).encode()), ("txt", "\n".join(map(str, VOXELS)).encode()),
     ("hex", VOXELS.tobytes().hex().encode())],
)  # fmt: skip
def test_every_encoding(encoding, content, tmp_path):
    same_as_itk(write(tmp_path / "a.nrrd", *PLACED_NRRD, encoding=encoding, content=content))


@pytest.mark.parametrize("suffix", ["nrrd", "nhdr"])
@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_itk_on_an_oblique_grid(suffix, compressed, tmp_path):
    turn = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5)
    image = sitk.GetImageFromArray(EXPECTED)
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((-100.5, 20.25, 7))
    image.SetDirection(turn.GetMatrix())
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), compressed)
    same_as_itk(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["nrrd", "nhdr"])
@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32"])
def test_itk_reads_written_labels(suffix, kind, tmp_path):
    path = tmp_path / f"labels.{suffix}"
    grid = read_volume(write(tmp_path / "x.nrrd", *PLACED_NRRD)).grid
    write_volume(LabelMap(EXPECTED.astype("int64"), grid), path, kind)
    same_as_itk(path)
    np.testing.assert_array_equal(read_labels(path).array, EXPECTED)


@pytest.mark.parametrize(
    "lines",
    [
        *[(f"space: {s}", *PLACED_NRRD[1:]) for s in
          ("RAS", "LAS", "left-anterior-superior", "scanner-xyz", "3D-right-handed", "ras")],
        ("space: LPS", "space directions: ( 0 , 1, 0) (-2,0,0)(0,0,-3)", "space origin: none"),
        ("space: LPS", "space origin: (1,2,3)"),
        ("space: RAS", "space origin: (1,2,3)"),
        ("spacings: 2 2 3", "axis mins: 1 2 3"),
        ("spacings: 2 2 3", "axismins: 1 2 3", "centers: node ??? cell"),
        ("axis mins: 1 2 3", "axis maxs: 11 12 13"),
        ("axis mins: 1 2 3", "axis maxs: 11 12 13", "centerings: node node node"),
        ("spacings: 2 nan 3", "axis mins: 1 nan 3"),
        ("spacings: -2 2 3",),
        (*PLACED_NRRD, "kinds: space space space", "foo:=bar: 3", "# comment"),
        (*PLACED_NRRD, 'labels: "a b" "c" "d"', "thicknesses: 1 1 1", "content: a: b"),
    ],
)  # fmt: skip
def test_places(lines, tmp_path):
    same_as_itk(write(tmp_path / "a.nrrd", *lines))


@pytest.mark.parametrize("version", ["NRRD0001", "NRRD0005", "NRRD00.01"])
def test_versions(version, tmp_path):
    same_as_itk(write(tmp_path / "a.nrrd", *PLACED_NRRD, magic=version))


@pytest.mark.parametrize(
    ("lines", "content", "encoding"),
    [(("byte skip: 3",), b"abc" + VOXELS.tobytes(), "raw"),
     (("byteskip: -1",), b"abc" + VOXELS.tobytes(), "raw"),
     (("line skip: 2",), b"ab\nc\n" + VOXELS.tobytes(), "raw"),
     (("lineskip: 1", "byte skip: 2"), b"ab\ncd" + VOXELS.tobytes(), "raw"),
     (("byte skip: 3",), gzip.compress(b"abc" + CONTENT, mtime=0), "gzip"),
     (("line skip: 1",), b"abc\n" + PACKED, "gzip")],
)  # fmt: skip
def test_what_is_skipped(lines, content, encoding, tmp_path):
    path = write(tmp_path / "a.nrrd", *PLACED_NRRD, *lines, content=content, encoding=encoding)
    same_as_itk(path)


def test_a_single_time_point_in_space_and_time(tmp_path):
    lines = ("space dimension: 4", "space directions: (2,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,1)",
             "space origin: (1,2,3,4)")  # fmt: skip
    same_as_itk(write(tmp_path / "a.nrrd", *lines, dimension="4", sizes="5 4 3 1"))


def test_voxels_in_other_files(tmp_path):
    for n in range(3):
        (tmp_path / f"s{n}.raw").write_bytes(VOXELS[20 * n : 20 * n + 20].tobytes())
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "all.raw").write_bytes(VOXELS.tobytes())
    for line in ("data file: below/all.raw", "datafile: ./below/all.raw",
                 "data file: s%d.raw 0 2 1", "data file: s%d.raw 0 2 1 2",
                 "data file: LIST\ns0.raw\ns1.raw\ns2.raw", "data file: s%d.raw 0 2 1 3",
                 "data file: LIST 2\ns0.raw\ns1.raw\ns2.raw"):  # fmt: skip
        path = write(tmp_path / "a.nhdr", *PLACED_NRRD, line, content=b"")
        path.write_bytes(path.read_bytes().rstrip() + b"\n")  # else ITK has a file without name
        same_as_itk(path)


@pytest.mark.parametrize(
    "name",
    ["-", "/dev/stdin", "../a.raw", "A" * 10000, "%n", "s%d.raw 0 2 0", "s%d.raw 0 99999999999 1",
     "LIST", "LIST\ns0.raw", "LIST 0\ns0.raw", "no.raw"],
)  # fmt: skip
def test_names_of_other_places_are_refused(name, tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes())
    path = write(tmp_path / "case" / "a.nhdr", *PLACED_NRRD, f"data file: {name}", content=b"")
    with pytest.raises(FileFormatError) as told:
        read_volume(path)
    assert len(str(told.value)) < 400
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"sizes": "1000 1000 2000"}, "truncated: its header needs 4000000000 bytes"),
     ({"sizes": "A" * 1200}, "sizes needs 3 whole numbers"), ({"type": "A" * 1200}, "its type"),
     ({"type": "block"}, "its type"), ({"encoding": "bzip2"}, "its encoding 'bzip2' cannot"),
     ({"endian": ""}, "no field 'endian'"), ({"dimension": "9" * 5000}, "a whole number"),
     ({"dimension": "99"}, "must be 1 to 16"), ({"sizes": "-5 4 3"}, "is impossible"),
     ({"foo": "bar"}, "unknown field 'foo'")],
)  # fmt: skip
def test_headers_that_crashed_itk_or_lie_are_refused(fields, words, tmp_path):
    with pytest.raises(FileFormatError, match=words):
        read_volume(write(tmp_path / "a.nrrd", *PLACED_NRRD, **fields))


def test_compressed_voxels_that_are_too_many_or_of_a_wrong_check_sum(tmp_path):
    packed = gzip.compress(VOXELS.tobytes() + b"more")
    path = write(tmp_path / "a.nrrd", *PLACED_NRRD, encoding="gzip", content=packed)
    with pytest.raises(FileFormatError, match="hold more than the 60 voxels"):
        read_volume(path)
    packed = bytearray(PACKED)
    packed[-6] ^= 1
    write(path, *PLACED_NRRD, encoding="gzip", content=bytes(packed))
    with pytest.raises(FileFormatError, match="compressed data are damaged"):
        read_volume(path)
