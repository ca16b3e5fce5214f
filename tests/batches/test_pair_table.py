"""Tables of pairs: what is read, and what is refused with its line and column."""

from pathlib import Path

import pytest

from regkit.batches.pair_sources import read_pairs
from regkit.batches.pair_table import read_pair_table, write_pair_table
from regkit.errors import FileFormatError, ParameterError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nii.gz", "b.nii.gz", "ü b.nii.gz"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    table = folder / "table.csv"
    table.write_bytes(text.encode(encoding))
    return table


@pytest.mark.parametrize(
    "text",
    [
        "id,fixed,moving\np1,a.nii.gz,ü b.nii.gz\n",
        "\ufeffid;fixed;moving\r\np1;a.nii.gz;ü b.nii.gz\r\n;;\r\n",
        "ID\tFixed\tMoving\n\np1\t a.nii.gz\tü b.nii.gz",
        'moving,fixed,id\n"ü b.nii.gz","a.nii.gz","p1"\n',
    ],
)
def test_separators_line_ends_and_order_do_not_matter(folder: Path, text: str) -> None:
    (pair,) = read_pair_table(write(folder, text))
    assert pair.id == "p1"
    assert pair.values == {"fixed": f"{folder}/a.nii.gz", "moving": f"{folder}/ü b.nii.gz"}


def test_what_is_written_is_read_again(folder: Path) -> None:
    text = 'id,fixed,moving,init,fixed_modality,group\n"p, 1",a.nii.gz,b.nii.gz,centre,CT,g\n'
    pairs = read_pair_table(write(folder, text))
    assert pairs[0].values["init"] == "centre"
    assert pairs[0].values["fixed_modality"] == "ct"
    write_pair_table(pairs, folder / "again.csv")
    assert read_pair_table(folder / "again.csv") == pairs


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("id,fixed,moving\n", "there is no pair in .*table.csv"),
        ("id,fixed\np1,a.nii.gz\n", "line 1: there is no column 'moving'"),
        ("id,fixed,moving,fixed_lables\n", "line 1, column 4: .*did you mean 'fixed_labels'"),
        ("id,fixed,moving,fixed\n", "line 1, column 4: 'fixed' stands there twice"),
        ("id,fixed,moving\n\np1,a.nii.gz,\n", "line 3, column moving: is empty"),
        ("id,fixed,moving\np1,a.nii.gz,c.nii\n", "line 2, column moving: no such file: .*c.nii"),
        (
            "id,fixed,moving\np1,a.nii.gz,b.nii.gz\nP1,a.nii.gz,b.nii.gz\n",
            "line 3, column id: 'P1' stands in line 2, too",
        ),
        ("id,fixed,moving\np1,a.nii.gz,b.nii.gz,c\n", "line 2, column 4: 'c' has no heading"),
        ('id,fixed,moving\np1,"a.nii.gz,b\n', "line 2: "),
        (
            "id,fixed,moving,fixed_modality\np1,a.nii.gz,b.nii.gz,PETCT\n",
            "line 2, column fixed_modality: 'PETCT' is no modality",
        ),
        (
            "id,fixed,moving,split\np1,a.nii.gz,b.nii.gz,tset\n",
            "line 2, column split: 'tset' is no split; known: train, validation, test",
        ),
        (
            "id,fixed,moving,init\np1,a.nii.gz,b.nii.gz,nowhere.tfm\n",
            "line 2, column init: no such file: .* no initializer",
        ),
        ("id,fixed,moving\np1,~no-such-user/a,b.nii.gz\n", "column fixed: no such file"),
        (f"id,fixed,moving\np1,a.nii.gz,{'b' * 5000}\n", "column moving: no such file"),
    ],
)
def test_faults_are_one_line_with_line_and_column(folder: Path, text: str, fault: str) -> None:
    with pytest.raises(FileFormatError, match=fault) as told:
        read_pair_table(write(folder, text))
    assert len(str(told.value).splitlines()) == 1


def test_a_table_in_another_encoding_is_refused(folder: Path) -> None:
    with pytest.raises(FileFormatError, match="save it as 'CSV UTF-8'"):
        read_pair_table(write(folder, "id,fixed,moving\nMüller,a,b\n", "cp1252"))


def test_columns_that_are_not_used_are_told(folder: Path, caplog) -> None:
    read_pair_table(write(folder, "id,fixed,moving,age\np1,a.nii.gz,b.nii.gz,7\n"))
    assert "columns that are not used: age" in caplog.text


def test_rows_in_memory_are_like_lines(folder: Path) -> None:
    row = {"id": "p1", "fixed": folder / "a.nii.gz", "moving": folder / "b.nii.gz", "init": None}
    (pair,) = read_pairs([row])
    assert pair.values["moving"] == f"{folder}/b.nii.gz"
    with pytest.raises(ParameterError, match="row 1: 'fixd' is no column"):
        read_pairs([{"id": "p", "fixd": "x"}])
    with pytest.raises(ParameterError, match="row 1: 'init' and 'initial' are one column"):
        read_pairs([{**row, "initial": "identity"}])
    with pytest.raises(ParameterError, match="--pair is for folders"):
        read_pairs([row], "pet,ct")
    with pytest.raises(ParameterError, match="or rows; not both at once"):
        read_pairs([row, folder])  # type: ignore[list-item]
    with pytest.raises(ParameterError, match=r"got one row; a batch takes a list of rows"):
        read_pairs(row)  # type: ignore[arg-type]


def test_several_sources_are_one_batch(folder: Path) -> None:
    table = write(folder, "id,fixed,moving\np1,a.nii.gz,b.nii.gz\n")
    other = folder / "other.tsv"
    other.write_text("id\tmoving\tfixed\nq1\ta.nii.gz\tb.nii.gz\n", encoding="utf-8")
    patients = folder / "patients"
    for name in ("pet.nii.gz", "ct.nii.gz"):
        (patients / "r1").mkdir(parents=True, exist_ok=True)
        (patients / "r1" / name).write_bytes(b"x")
    pairs = read_pairs([table, other, patients], "pet,ct")
    assert [pair.id for pair in pairs] == ["p1", "q1", "r1"]
    with pytest.raises(ParameterError, match="--pair is for folders of patients"):
        read_pairs([table, other], "pet,ct")
    other.write_text("id,moving,fixed\nP1,a.nii.gz,b.nii.gz\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"the id 'P1' stands in .*table.csv and in .*other"):
        read_pairs([table, other])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("a", "b"), "row 1: got a tuple; a row is a mapping of the columns"),
        ({"id": "p", "fixed": [1]}, "row 1, column fixed: got a list; a batch reads its images"),
    ],
)
def test_what_is_no_row_is_refused(row: object, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        read_pairs([row])
