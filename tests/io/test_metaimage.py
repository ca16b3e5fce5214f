"""MetaImage files are read as SimpleITK reads them, or refused in one line."""

import os
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from header_files import PLACED_METAIMAGE, VOXELS, write_metaimage
from regkit import LabelMap, read_labels, read_volume, write_volume
from regkit.errors import FileFormatError, ParameterError, RegkitError
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.io.images import read_raw

EXPECTED = VOXELS.reshape(3, 4, 5)
CONTENT = VOXELS.tobytes()
TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


def same_as_itk(path) -> None:
    """Compare the stored voxels and the grid with SimpleITK's."""
    judge = sitk.ReadImage(str(path))
    raw = read_raw(path)
    expected = sitk.GetArrayFromImage(judge)
    assert raw.array.dtype.newbyteorder("=") == expected.dtype
    np.testing.assert_array_equal(raw.array, expected)
    assert np.ptp(expected) > 0
    assert read_volume(path).grid.matches(grid_from_sitk(judge))


def write_local(path, *lines, kind="MET_USHORT", content=CONTENT, file="LOCAL"):
    header = [
        *("ObjectType = Image", "NDims = 3", *lines, *PLACED_METAIMAGE, "DimSize = 5 4 3"),
        *(f"ElementType = {kind}", f"ElementDataFile = {file}", ""),
    ]
    path.write_bytes("\n".join(header).encode() + content)
    return path


@pytest.mark.parametrize("order", ["False", "True"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_in_both_byte_orders(kind, order, tmp_path):
    stored = VOXELS.astype(TYPES[kind]).astype((">" if order == "True" else "<") + TYPES[kind])
    lines = ["BinaryData = True", f"BinaryDataByteOrderMSB = {order}"]
    same_as_itk(write_local(tmp_path / "a.mha", *lines, kind=kind, content=stored.tobytes()))


@pytest.mark.parametrize("suffix", ["mha", "mhd"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["uint8", "int16", "float32", "float64"])
def test_files_of_itk_on_an_oblique_grid(suffix, compressed, kind, tmp_path):
    turn = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5)
    image = sitk.GetImageFromArray(EXPECTED.astype(kind))
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((-100.5, 20.25, 7))
    image.SetDirection(turn.GetMatrix())
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), compressed)
    same_as_itk(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["mha", "mhd"])
def test_itk_reads_written_labels_of_every_integer_type(suffix, tmp_path):
    for kind in ("uint8", "int16", "int32"):
        path = tmp_path / f"{kind}.{suffix}"
        labels = LabelMap(EXPECTED.astype("int64") * {"uint8": 1, "int16": 9, "int32": 999}[kind],
                          read_volume(write_metaimage(tmp_path / "x.mha")).grid)  # fmt: skip
        write_volume(labels, path, kind)
        same_as_itk(path)
        np.testing.assert_array_equal(read_labels(path).array, labels.array)


@pytest.mark.parametrize(
    "line",
    ["ElementSpacing = -2 2 3", "TransformMatrix = 0 1 0 -1 0 0 0 0 1", "HeaderSize = -1",
     "DimSize: 5 4 3", "Comment = a = b", "\r", "Unknown = 3", "words"],
)  # fmt: skip
def test_oddities_that_itk_reads(line, tmp_path):
    same_as_itk(write_local(tmp_path / "a.mha", line))


def test_voxels_in_other_files(tmp_path):
    parts = {f"s{n}.raw": VOXELS[20 * n : 20 * n + 20].tobytes() for n in range(3)}
    parts |= {"all.raw": VOXELS.tobytes(), "late.raw": b"12345" + VOXELS.tobytes()}
    (tmp_path / "below").mkdir()
    parts |= {"below/all.raw": VOXELS.tobytes()}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "a.mhd"
    three = "s0.raw\ns1.raw\ns2.raw"
    for file in ("all.raw", "below/all.raw", "./all.raw", f"LIST\n{three}", f"LIST 2\n{three}",
                 "s%d.raw 0 2 1", "s%01d.raw 0 2 1"):  # fmt: skip
        same_as_itk(write_local(path, file=file, content=b""))
    for start in (5, -1):
        same_as_itk(write_local(path, f"HeaderSize = {start}", file="late.raw", content=b""))


def test_voxels_as_text_and_compressed_without_a_size(tmp_path):
    """ITK reads neither."""
    text = " ".join(map(str, VOXELS)).encode()
    packed = zlib.compress(VOXELS.tobytes())
    for line, content in (("BinaryData = False", text), ("CompressedData = True", packed)):
        path = write_local(tmp_path / "a.mha", line, content=content)
        np.testing.assert_array_equal(read_volume(path).array, EXPECTED)


@pytest.mark.parametrize(
    "name",
    ["/dev/stdin", "-", "%s", "%n", "a%d%d.raw 0 2 1", "../all.raw", "below/../../all.raw",
     "C:\\all.raw", "..\\all.raw", "s%d.raw 0 2 0", "s%d.raw 0 9999999999 1", "s%999d.raw 0 2 1",
     "s%d.raw 0 x 1", "LIST 9", "LIST", "LIST\n/etc/hostname", "fifo", "no.raw", "b\x07.raw",
     "A" * 9000],
)  # fmt: skip
def test_names_of_other_places_are_refused(name, tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "all.raw").write_bytes(VOXELS.tobytes())
    os.mkfifo(tmp_path / "case" / "fifo")
    path = write_local(tmp_path / "case" / "a.mhd", file=name, content=b"")
    with pytest.raises(FileFormatError) as told:
        read_volume(path)
    assert len(str(told.value)) < 400
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("lines", "words"),
    [(["NDims = 100"], "NDims must be 3"), ([" NDims = 100"], "NDims must be 3"),
     (["NDims : 100"], "NDims must be 3"), (["K = A"] * 5000 + ["NDims = 99"], "NDims must be 3"),
     (["CompressedData = True"], "compressed data are damaged"),
     (["ElementSpacing = 2 2"], "ElementSpacing needs 3 numbers"),
     (["HeaderSize = -7"], "HeaderSize must be"), (["ElementNumberOfChannels = 0"], "1 or more"),
     (["CompressedData = True", "CompressedDataSize = 999"], "truncated")],
)  # fmt: skip
def test_headers_that_crashed_itk_are_refused(lines, words, tmp_path):
    path = tmp_path / "a.mha"
    write_local(path)
    content = path.read_text("latin-1")
    for line in lines:
        name = line.replace(":", "=").partition("=")[0].strip()
        content = "\n".join(t for t in content.split("\n") if not t.startswith(f"{name} ="))
    content = content.replace("ObjectType = Image", "\n".join(["ObjectType = Image", *lines]))
    path.write_text(content, "latin-1")
    with pytest.raises(FileFormatError, match=words):
        read_volume(path)


def test_more_voxels_than_the_limit_need_the_limit_raised(tmp_path, monkeypatch):
    path = write_metaimage(tmp_path / "a.mha", *PLACED_METAIMAGE)
    monkeypatch.setenv("REGKIT_MAX_VOXELS", "59")
    with pytest.raises(FileFormatError, match=r"60 voxels, more than the limit of 59: .*MAX_VOX"):
        read_volume(path)
    monkeypatch.setenv("REGKIT_MAX_VOXELS", "60")
    assert read_volume(path).array.size == 60
    monkeypatch.setenv("REGKIT_MAX_VOXELS", "many")
    with pytest.raises(ParameterError, match="must be a whole number, got 'many'"):
        read_volume(path)


def test_compressed_voxels_that_are_too_many_are_refused(tmp_path):
    packed = zlib.compress(VOXELS.tobytes() + b"more")
    path = write_local(tmp_path / "a.mha", "CompressedData = True", content=packed)
    with pytest.raises(RegkitError, match="hold more than the 60 voxels"):
        read_volume(path)
