"""Files that are no transforms give one line that names the file and says what is wrong."""

import json

import numpy as np
import pytest

from regkit import read_transform, rigid, write_transform
from regkit.errors import FileFormatError, RegkitError, TransformError
from regkit.io.transforms import FORMATS

EYE = np.eye(4).tolist()


def as_json(**record):
    return json.dumps(record)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.tfm", "", "is empty"),
        ("t.tfm", " \n\n", "is empty"),
        ("t.tfm", "hello", "not a transform in any known format"),
        ("t.h5", "hello", "not a transform in any known format"),
        ("t.xfm", "MNI Transform File\n", r"is an MNI transform \(\.xfm\), whose direction"),
        (
            "t.txt",
            "1 0 0 0\n0 1 0 0\n0 0 1 0\n",
            r"got lines of \[4, 4, 4\]",
        ),
        ("t.txt", "1 0 0\n0 1 0\n0 0 1\n", "4 lines of 4 numbers"),
        ("t.txt", "1 0 0 0\n0 1 0 x\n0 0 1 0\n0 0 0 1\n", "needs numbers, got '0 1 0 x'"),
        ("t.txt", "1 0 0 0\n0 1 0 nan\n0 0 1 0\n0 0 0 1\n", "NaN or infinity"),
        ("t.txt", "1 0 0 0\n0 1 0 inf\n0 0 1 0\n0 0 0 1\n", "NaN or infinity"),
        ("t.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n1 0 0 1\n", "must be 0 0 0 1"),
        ("t.txt", "1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n", "singular"),
        ("t.json", "{", "not JSON, or truncated"),
        ("t.json", "[1, 2]", "a JSON object is needed, got a list"),
        ("t.json", "{}", 'has no "matrix"'),
        ("t.json", as_json(matrix=5), "list of 4 lists"),
        ("t.json", as_json(matrix=EYE[:3]), "4 lines of 4 numbers"),
        ("t.json", as_json(matrix=[*EYE[:3], [0, 0, 0, None]]), "needs numbers"),
        ("t.json", as_json(matrix=EYE, frame="RAS"), '"frame" must be "LPS", got "RAS"'),
        (
            "t.json",
            as_json(matrix=EYE, maps="moving to fixed"),
            '"maps" must be "fixed to',
        ),
        ("t.json", as_json(matrix=EYE, unit="cm"), '"unit" must be "mm"'),
    ],
)
def test_bad_content(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_transform(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_only_the_linear_part_of_a_deformable_record_is_refused(tmp_path):
    record = {"transform": {"matrix": EYE, "model": "deformable", "file": "out.h5"}}
    (tmp_path / "out.json").write_text(json.dumps(record))
    with pytest.raises(TransformError, match=r"only the linear part.*read out\.h5"):
        read_transform(tmp_path / "out.json")


def test_missing_file(tmp_path):
    with pytest.raises(FileFormatError, match=r"nope\.tfm: cannot be read: No such file"):
        read_transform(tmp_path / "nope.tfm")


def test_a_folder(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read: Is a directory"):
        read_transform(tmp_path)


@pytest.mark.parametrize("name", ["t.tfm", "t.h5", "t.mat", "t.lta", "t.json", "t.txt", "t"])
@pytest.mark.parametrize("form", [None, *(known.name for known in FORMATS)])
def test_noise_never_escapes_as_another_error(tmp_path, name, form):
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).integers(1, 256, 500, np.uint8).tobytes())
    with pytest.raises(RegkitError, match=str(path)) as caught:
        read_transform(path, format=form)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "kind"), [("t.tfm", "itk"), ("t.mat", "ants")])
def test_a_damaged_type_name_is_one_line(tmp_path, name, kind):
    path = tmp_path / name
    write_transform(rigid((1, 2, 3)), path, format=kind)
    path.write_bytes(path.read_bytes().replace(b"AffineTransform_", b"Affine\x85ransform_"))
    with pytest.raises(
        FileFormatError, match=r"^[^\n]*(type that ITK does not know|damaged)[^\n]*$"
    ):
        read_transform(path, format=kind)
