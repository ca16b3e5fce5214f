"""Arguments of the wrong kind: one error for every public function, which says what to do."""

import inspect
import typing
from collections.abc import Sequence

import ants
import numpy as np
import pytest
import SimpleITK as sitk

import regkit
from regkit.arguments import MAKERS, checked
from regkit.errors import ParameterError, RegkitError
from regkit.late_import import late_import

GRID = regkit.Grid((3, 4, 5), (2.0, 2.0, 3.0), (1.0, -2.0, 5.0))
FUNCTIONS = [name for name in regkit.__all__ if inspect.isfunction(getattr(regkit, name))]
CLASSES = ["Grid", "Volume", "LabelMap", "AffineTransform", "DisplacementField", "TransformChain"]
WRONG = {
    "None": None,
    "int": 7,
    "NaN": float("nan"),
    "text": "no such thing",
    "list": [1, 2],
    "mapping": {"a": 1},
    "array": np.zeros((2, 2)),
    "object": object(),
}
# What makes calls fast that are right after all.
FAST = {"method": "identity", "judge": False, "runs": 1}


def volume() -> regkit.Volume:
    return regkit.Volume(np.arange(60.0).reshape(3, 4, 5), GRID, "ct")


def right(name: str, folder: object) -> object:
    """Return something that the parameter may be, so that another one is what is wrong."""
    image = volume()
    known = {
        "array": image.array,
        "grid": GRID,
        "shape_zyx": (3, 4, 5),
        "matrix": np.eye(4),
        "displacement": np.zeros((3, 4, 5, 3)),
        "transforms": (regkit.IDENTITY,),
        "onto": GRID,
        "transform": regkit.IDENTITY,
        "points": np.zeros((2, 3)),
        "pair": regkit.Pair(image, image),
        "pairs": [],
        "datasets": [str(folder)],
    }
    return known.get(name, image)


def required(function: object) -> list[str]:
    """Return the names of the parameters that have no default."""
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return [p.name for p in named if p.default is p.empty]


def complaint(function: object, given: dict[str, object]) -> str:
    """Return the text of the RegkitError that a call raises; empty if it raises nothing."""
    try:
        result = function(**given)
        list(result) if inspect.isgenerator(result) else None
    except RegkitError as error:
        return str(error)
    return ""


def wrong_calls() -> list[tuple[str, str]]:
    """Return every public function and class with each of its parameters."""
    return [
        (name, parameter.name)
        for name in (*FUNCTIONS, *CLASSES)
        for parameter in inspect.signature(getattr(regkit, name)).parameters.values()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


@pytest.mark.parametrize(("name", "parameter"), wrong_calls())
def test_no_wrong_kind_of_argument_is_any_other_error(name, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = getattr(regkit, name)
    given = {other: right(other, tmp_path) for other in required(function)}
    given |= {k: v for k, v in FAST.items() if k in inspect.signature(function).parameters}
    for value in WRONG.values():
        said = complaint(function, {**given, parameter: value})
        assert said == "" or (len(said.splitlines()) == 1 and len(said) > 20)


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
@pytest.mark.parametrize("kind", ["None", "object", "mapping"])
def test_what_a_function_works_on_cannot_be_anything(name, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = getattr(regkit, name)
    for parameter in required(function):
        given = {other: right(other, tmp_path) for other in required(function)}
        assert parameter in complaint(function, {**given, parameter: WRONG[kind]})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: regkit.read_volume(None), "path must be the path of a file or folder, got None"),
        (lambda: regkit.replay(None), "file must be the path of a file or folder, got None"),
        (
            lambda: regkit.write_volume(np.zeros((2, 3, 4)), "a.nii"),
            r"volume is an array .*\(2, 3, 4\); make a volume of an array: regkit\.volume\(",
        ),
        (lambda: regkit.write_volume(volume(), None), "path must be the path of a file or folder"),
        (lambda: regkit.resample("lost.nii", GRID), "lost.nii: no such file"),
        (lambda: regkit.resample(volume(), [1, 2]), "onto is a list; give a Grid, or the image"),
        (lambda: regkit.resample(volume(), GRID, np.eye(3)), "through is an array .* a 4 x 4"),
        (
            lambda: regkit.picture(volume()),
            "result must be the result of regkit.register, got",
        ),
        (lambda: regkit.register(volume(), volume(), witnesses="mi"), "must be a list of texts"),
        (lambda: regkit.register(volume(), volume(), seed=0.5), "must be a whole number, got 0.5"),
        (lambda: regkit.rigid((1, 2)), "euler_deg must be 3 finite numbers, got .1.0, 2.0."),
        (lambda: regkit.volume(np.zeros((2, 3, 4)), "wide"), "spacing must be numbers"),
    ],
)
def test_the_error_says_what_to_do(call, words):
    with pytest.raises(RegkitError, match=words):
        call()


def images(kind: str, folder) -> object:
    """Return the same image as a volume, a path or an image of another library."""
    image = volume()
    if kind == "path":
        regkit.write_volume(image, folder / "image.nii")
        return folder / "image.nii"
    if kind == "ants":
        like = {"origin": GRID.origin, "spacing": GRID.spacing}
        return ants.from_numpy(image.array.T.astype(np.float32), **like)
    return {"volume": image, "sitk": image.to_sitk(), "nibabel": image.to_nibabel()}[kind]


@pytest.mark.parametrize("kind", ["volume", "path", "sitk", "nibabel", "ants"])
def test_images_of_all_kinds_are_resampled_and_written(kind, tmp_path):
    image = images(kind, tmp_path)
    shift = regkit.AffineTransform.shift((2.0, 0.0, 0.0))  # one voxel along x
    for through in (shift, shift.matrix, sitk.TranslationTransform(3, (2.0, 0.0, 0.0))):
        moved = regkit.resample(image, image, through)
        np.testing.assert_allclose(moved.array[..., :-1], volume().array[..., 1:], atol=1e-4)
    regkit.write_volume(image, tmp_path / "written.nrrd")
    stored = sitk.ReadImage(str(tmp_path / "written.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(stored), volume().array)
    np.testing.assert_allclose(stored.GetOrigin(), GRID.origin, atol=1e-6)
    np.testing.assert_allclose(stored.GetSpacing(), GRID.spacing, atol=1e-6)


def test_a_transform_file_stands_for_its_transform(tmp_path):
    regkit.write_transform(regkit.rigid((5, 0, 0), (1, 2, 3)), tmp_path / "t.tfm")
    by_file = regkit.resample(volume(), GRID, tmp_path / "t.tfm")
    by_object = regkit.resample(volume(), GRID, regkit.rigid((5, 0, 0), (1, 2, 3)))
    np.testing.assert_allclose(by_file.array, by_object.array, atol=1e-3)


def test_numbers_of_numpy_are_numbers_and_true_is_none():
    @checked
    def repeat(times: int, size: float = 1.0, loud: bool = False) -> tuple[int, float, bool]:
        return times, size, loud

    repeat.__module__ = __name__
    assert repeat(np.int64(2), np.float32(0.5), loud=np.bool_(1)) == (2, 0.5, True)
    assert type(repeat(np.int64(2))[0]) is int
    for wrong in (True, 2.0, "2"):
        with pytest.raises(ParameterError, match="times must be a whole number"):
            repeat(wrong)
    with pytest.raises(TypeError, match="unexpected keyword"):
        repeat(2, color="red")
    assert typing.get_type_hints(repeat)["times"] is int


def test_texts_of_a_generator_are_all_there():
    @checked
    def count(words: Sequence[str] = ()) -> int:
        return len([*words])

    count.__module__ = __name__
    assert count(word for word in ("a", "b")) == 2
    with pytest.raises(ParameterError, match="words must be a list of texts"):
        count(word for word in ("a", 1))


def test_the_makers_exist():
    assert all(callable(late_import(target)) for target in MAKERS.values())
