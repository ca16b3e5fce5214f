"""Any dataset becomes a dataset folder, whole or resumable."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regkit.datasets.case import Case
from regkit.datasets.export import Simulation
from regkit.datasets.folder import build_dataset, read_dataset
from regkit.errors import OutputError, ParameterError, UnknownNameError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, DisplacementField
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.registry import default_registry
from regkit.report.cases import picture_of_case

GRID = Grid((5, 6, 7), (2.0, 3.0, 4.0), (1.0, -2.0, 3.0))


@dataclass(frozen=True)
class Note:
    """An attachment."""

    text: str
    suffix: str = ".txt"

    def write(self, path: Path) -> None:
        path.write_text(self.text)


@dataclass(frozen=True)
class Numbers:
    """Cases full of their own number."""

    n: int = 3
    seed: int = 0
    device: str = "cpu"
    fails_at: int = -1
    name: str = "numbers"

    @property
    def ids(self) -> list[str]:
        return [f"c{index}" for index in range(self.n)]

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Case]:
        return map(self.case, range(self.n))

    def case(self, index: int) -> Case:
        if index == self.fails_at:
            raise KeyboardInterrupt
        fill = np.full(GRID.shape_zyx, index + self.seed + 0.25)
        labels = LabelMap(np.arange(fill.size).reshape(fill.shape) % 3, GRID)
        field = np.zeros((*GRID.shape_zyx, 3))
        return Case(
            id=f"c{index}",
            pair=Pair(
                Volume(fill, GRID, "spect"),
                Volume(2 * fill, GRID, "mu"),
                moving_mask=labels,
                initial=AffineTransform.shift((1.0, 0.0, 0.0)),
            ),
            truth=AffineTransform.shift((index, 1.5, 2.0))
            if index % 2
            else DisplacementField(field + index, GRID),
            group="everybody",
            fixed_labels=labels,
            moving_labels=labels,
            fixed_landmarks=np.eye(3),
            moving_landmarks=np.eye(3) + index,
            extra={
                "split": "test",
                "dose": 3.5,
                "ac": Volume(3 * fill, GRID, "spect"),
                "note": Note(f"case {index}"),
            },
        )


@dataclass(frozen=True)
class InOrder:
    """The same cases without random access."""

    inner: Numbers = Numbers()
    name: str = "in-order"

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.inner)


def test_a_folder_gives_back_the_cases(tmp_path):
    made = Simulation(Numbers(), tmp_path).run()
    read = read_dataset(tmp_path)
    assert (made, read.name, len(read)) == (3, "numbers", 3)
    for online, stored in zip(Numbers(), read, strict=True):
        assert (online.id, online.group) == (stored.id, stored.group)
        for one, other in zip(_volumes(online), _volumes(stored), strict=True):
            np.testing.assert_array_equal(one.array, other.array)
            assert one.grid.matches(other.grid)
            assert type(one) is type(other)
            assert one.modality == other.modality
        points = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        for name in ("truth", "initial"):
            maps = [
                getattr(c, name, None) or getattr(c.pair, name, None) for c in (online, stored)
            ]
            np.testing.assert_allclose(*(m.map_points(points) for m in maps), atol=1e-6)
        np.testing.assert_allclose(online.moving_landmarks, stored.moving_landmarks)
        assert (stored.extra["split"], stored.extra["dose"]) == ("test", 3.5)
        assert stored.extra["note"].read_text() == online.extra["note"].text
        assert stored.extra["ac"].is_file()
    assert len(read.split("test")) == 3


def test_what_is_whole_is_not_made_again_and_what_is_not_is(tmp_path):
    Simulation(Numbers(), tmp_path).run()
    (tmp_path / "c0" / "fixed.nii.gz").write_bytes(b"kept")
    (tmp_path / "c1" / "case.json").unlink()
    (tmp_path / "c1" / ".regkit-leftover").mkdir()
    (tmp_path / "dataset.json").unlink()
    seen = []
    assert Simulation(Numbers(n=4), tmp_path).run(done=seen.append) == 2
    assert sorted(seen) == ["c0", "c1", "c2", "c3"]
    assert (tmp_path / "c0" / "fixed.nii.gz").read_bytes() == b"kept"
    assert not (tmp_path / "c1" / ".regkit-leftover").exists()
    assert [entry["id"] for entry in read_dataset(tmp_path).entries] == ["c0", "c1", "c2", "c3"]


def test_fewer_cases_than_are_there_name_only_these(tmp_path):
    Simulation(Numbers(), tmp_path).run()
    assert Simulation(Numbers(n=2), tmp_path).run() == 0
    assert len(read_dataset(tmp_path)) == 2


def test_an_interruption_leaves_an_index_of_what_is_whole(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Simulation(Numbers(fails_at=2), tmp_path).run()
    assert len(read_dataset(tmp_path)) == 2
    recipe = json.loads((tmp_path / "simulation.json").read_text())
    recipe["parameters"]["fails_at"] = -1
    (tmp_path / "simulation.json").write_text(json.dumps(recipe))
    assert Simulation(Numbers(), tmp_path).run() == 1
    assert len(read_dataset(tmp_path)) == 3


def test_another_simulation_is_refused_and_nothing_changes(tmp_path):
    Simulation(Numbers(), tmp_path).run()
    before = _contents(tmp_path)
    with pytest.raises(OutputError, match="another simulation \\(seed 0, not 1\\)"):
        Simulation(Numbers(seed=1), tmp_path).run()
    with pytest.raises(OutputError, match="format 'nifti', not 'dicom'"):
        Simulation(Numbers(), tmp_path, format="dicom").run()
    assert _contents(tmp_path) == before
    assert Simulation(Numbers(device="cuda"), tmp_path).run() == 0  # where is not what


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(OutputError, match="holds another dataset"):
        Simulation(Numbers(), tmp_path).run()
    assert _contents(tmp_path) == {"dataset.json": b"{}"}


def test_nothing_of_somebody_else_is_replaced(tmp_path):
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1" / "thesis.txt").write_text("years of work")
    before = _contents(tmp_path)
    for dataset in (Numbers(), InOrder()):
        with pytest.raises(OutputError, match="has a folder c1 that is not from this simulation"):
            Simulation(dataset, tmp_path).run()
        assert _contents(tmp_path) == before
    (tmp_path / "c1").rename(tmp_path / "notes")
    assert Simulation(Numbers(), tmp_path).run() == 3


def test_a_simulation_of_another_dataset_is_named_alone(tmp_path):
    Simulation(Numbers(), tmp_path).run()
    with pytest.raises(OutputError, match=r"simulation \(of numbers, not others\); choose"):
        Simulation(Numbers(name="others"), tmp_path).run()


@pytest.mark.end_to_end
def test_workers_make_the_same_files(tmp_path):
    Simulation(Numbers(n=5), tmp_path / "one").run()
    assert Simulation(Numbers(n=5), tmp_path / "two").run(workers=2) == 5
    one, two = read_dataset(tmp_path / "one"), read_dataset(tmp_path / "two")
    assert one.entries == two.entries
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left.pair.moving.array, right.pair.moving.array)


def test_a_dataset_in_one_order_only(tmp_path):
    assert Simulation(InOrder(), tmp_path).run() == 3
    assert Simulation(InOrder(), tmp_path).run() == 0
    assert len(read_dataset(tmp_path)) == 3
    with pytest.raises(ParameterError, match="leave out --workers"):
        Simulation(InOrder(), tmp_path).run(workers=2)


def test_pictures_are_made_when_asked_for_later(tmp_path):
    Simulation(Numbers(n=1), tmp_path).run()
    assert Simulation(Numbers(n=1), tmp_path, painter=picture_of_case).run() == 1
    with Image.open(tmp_path / "c0" / "montage.png") as picture:
        assert picture.width > 500


def test_an_id_that_is_no_folder_name_is_refused(tmp_path):
    case = replace(Numbers().case(0), id="../elsewhere")
    with pytest.raises(OutputError, match="cannot name a folder"):
        Simulation(Numbers(), tmp_path / "in").write(case)
    assert not (tmp_path / "elsewhere").exists()


def test_datasets_are_built_by_name():
    registry = default_registry()
    assert build_dataset("tiny-thorax", {}, registry).name == "tiny-thorax"
    with pytest.raises(ParameterError, match=r"no parameter 'sed'.*seed"):
        build_dataset("mr-us", {"sed": 1}, registry)
    with pytest.raises(UnknownNameError, match=r"no dataset is called 'spect-c'.*spect-ct"):
        build_dataset("spect-c", {}, registry)


def _volumes(case: Case) -> list[Volume]:
    pair = case.pair
    return [pair.fixed, pair.moving, pair.moving_mask, case.fixed_labels, case.moving_labels]


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
