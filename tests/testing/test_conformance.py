"""The kit passes honest methods and catches each mistake with the check made for it."""

from pathlib import Path
from typing import Any

import pytest

from python_path import python_path
from regkit.errors import MissingDependencyError
from regkit.plugin import MethodSpec
from regkit.registry import Plugin, RegisteredSpec
from regkit.testing import phantom_pairs
from regkit.testing.conformance import CHECKS, CheckResult, MethodUnderTest, run_check, run_checks

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})
GEOMETRY = {f"maps fixed to moving, {kind}" for kind in phantom_pairs.GRIDS}
MASKS = {"supports fixed mask", "supports moving mask", "supports both masks"}
OWNER = Plugin("toys", "regkit_classic.plugin", "toys", "1.0")

# Which check must catch which mistake, and what it must say. Others may notice it too.
MISTAKES = [
    ("Inverse", GEOMETRY, "its inverse would be correct"),
    ("SwapsAxes", GEOMETRY, "with x and z swapped it would be correct"),
    ("ThinksInRas", GEOMETRY, "taken as RAS it would be correct"),
    (
        "IgnoresDirection",
        {"maps fixed to moving, flipped", "maps fixed to moving, oblique"},
        "the map is off by",
    ),
    ("IgnoresSpacing", {"maps fixed to moving, anisotropic"}, "the map is off by"),
    ("IgnoresOrigin", {"maps fixed to moving, offset"}, "the map is off by"),
    ("WorksInVoxels", {"maps fixed to moving, anisotropic", "sizes may differ"}, "is off by"),
    ("HalfVoxelOff", {"same anatomy on any grid"}, "check offsets of half a voxel"),
    ("TurnsTheOtherWay", GEOMETRY, "with the opposite rotation it would be correct"),
    ("TurnsALittleTheOtherWay", GEOMETRY, "does it rotate the wrong way"),
    ("TurnsAboutTheOrigin", {"maps fixed to moving, offset"}, "the map is off by"),
    ("TurnsAboutTheOrigin", {"same far from the origin"}, "does it rotate about the origin"),
    ("StopsEarlyFarAway", {"same far from the origin"}, "with both images 1355 mm away"),
    ("DoesNothing", {"improves alignment", *GEOMETRY}, "the map is off by"),
    ("MovesWhatIsAligned", {"identity stays"}, "were moved by 10"),
    ("Overwrites", {"inputs unchanged"}, "changed the array of pair.moving"),
    ("DilatesTheMask", {"inputs unchanged"}, "changed the array of pair.moving_mask"),
    ("ReplacesThePair", {"inputs unchanged"}, "replaced pair.initial"),
    ("Random", {"repeatable"}, "the same pair and seed gave maps"),
    ("OnlyTheIncrement", {"supports initial"}, "started at the truth, the map is off by"),
    ("IgnoresInitial", {"supports initial"}, "started at the truth, the map is off by"),
    ("WrongOrder", {"supports initial"}, "started 21 mm off, the total of the map is off by"),
    ("IgnoresFixedMask", {"supports fixed mask", "supports both masks"}, "with a mask, the map"),
    ("IgnoresMovingMask", {"supports moving mask", "supports both masks"}, "with a mask, the map"),
    ("RobustWithoutFixedMask", {"supports fixed mask"}, "the fixed mask of either gives the same"),
    ("RobustWithoutMovingMask", {"supports moving mask"}, "the moving mask of either gives"),
    ("ReadsMasksInVoxels", MASKS, "with a mask, the map is off by"),
    ("NeedsBothMasks", {"supports fixed mask", "supports moving mask"}, "both masks are needed"),
    ("WantsEqualShapes", {"sizes may differ"}, "it raised ValueError: operands could not"),
    ("ReturnsAMatrix", {"returns an estimate"}, "must return an Estimate, got AffineTransform"),
    ("TellsArrays", {"returns an estimate"}, "JSON cannot hold its diagnostics"),
    ("TellsNan", {"returns an estimate"}, "JSON cannot hold its diagnostics"),
    ("Scales", {"returns its model"}, "declares the model 'rigid' but its matrix is off by 0.04"),
    ("Mirrors", {"returns its model"}, "declares the model 'rigid' but its matrix"),
    ("Warps", {"returns its model"}, "but returns a TransformChain"),
    ("OwnTransform", {"survives saving"}, "Hidden"),
    ("NotADataclass", {"parameters are plain data"}, "must be a frozen dataclass"),
    ("Changeable", {"parameters are plain data"}, "must be a frozen dataclass"),
    ("WithoutDefault", {"parameters are plain data"}, "'air_hu' has no default"),
    ("HoldsATransform", {"parameters are plain data"}, "do not survive JSON"),
    ("Infinite", {"parameters are plain data"}, "do not survive JSON"),
    ("CannotRegister", {"parameters are plain data"}, "no method register"),
    ("Crashes", set(CHECKS) - {"parameters are plain data", "declaration is light"}
     - {"leaves images where they are"}, "it raised RuntimeError: out of cheese"),
]  # fmt: skip


def offer(toy: str, owner: Plugin = OWNER, **claims: Any) -> RegisteredSpec[MethodSpec]:
    spec = {"name": toy.lower(), "target": f"toys:{toy}", "supports": EVERYTHING, **claims}
    return RegisteredSpec(MethodSpec(**spec), owner)


@pytest.mark.conformance
def test_an_honest_method_passes_everything() -> None:
    found = list(run_checks(offer("Centroid")))
    assert [o.check for o in found] == list(CHECKS)
    assert [o for o in found if o.status != "ok"] == [
        CheckResult("leaves images where they are", "not declared", "it aligns images")
    ]


@pytest.mark.conformance
def test_a_deformable_method_passes_everything() -> None:
    found = list(run_checks(offer("Warps", model="deformable")))
    assert {o.status for o in found} == {"ok", "not declared"}, found


@pytest.mark.parametrize(
    ("toy", "check", "says"),
    [(toy, check, says) for toy, checks, says in MISTAKES for check in sorted(checks)],
)
def test_a_mistake_is_caught(toy: str, check: str, says: str) -> None:
    found = run_check(check, MethodUnderTest(offer(toy)))
    assert found.status == "failed"
    assert says in found.why
    assert "\n" not in found.why


@pytest.mark.parametrize("toy", ["Inverse", "SwapsAxes", "IgnoresDirection", "Overwrites"])
def test_a_mistake_fails_only_checks_it_concerns(toy: str) -> None:
    """A method with a wrong frame is still light, repeatable, and so on."""
    subject = MethodUnderTest(offer(toy))
    for check in ("parameters are plain data", "declaration is light", "survives saving"):
        assert run_check(check, subject) == CheckResult(check, "ok")


def test_what_is_not_declared_is_said_so() -> None:
    found = {o.check: o for o in run_checks(offer("Centroid", supports=frozenset()))}
    assert found["supports initial"] == CheckResult(
        "supports initial", "not declared", "it does not support an initial transform"
    )
    assert found["supports both masks"].why == "it does not support a fixed mask and moving mask"
    assert {found[check].status for check in MASKS} == {"not declared"}


def test_a_method_that_does_not_align_is_checked_for_that() -> None:
    check = "leaves images where they are"
    honest = MethodUnderTest(offer("DoesNothing", is_registration=False, model="none"))
    assert run_check(check, honest) == CheckResult(check, "ok")
    assert run_check("improves alignment", honest).status == "not declared"
    sneaky = run_check(
        check, MethodUnderTest(offer("Sneaky", is_registration=False, model="none"))
    )
    assert (sneaky.status, sneaky.why) == (
        "failed",
        "it is declared not to align, yet moved 0.1 mm",
    )


def test_an_unknown_model_is_named() -> None:
    found = run_check("returns its model", MethodUnderTest(offer("Centroid", model="bendy")))
    assert found.why.startswith("its model 'bendy' is none of none, rigid")


def test_a_preset_that_the_method_does_not_know_fails() -> None:
    found = run_check(
        "parameters are plain data", MethodUnderTest(offer("Centroid", preset={"air_hy": 1.0}))
    )
    assert found.status == "failed"
    assert "did you mean air_hu?" in found.why


def test_a_method_that_cannot_run_here_is_not_examined() -> None:
    absent = offer("Centroid", requires={"no_such_package": "no-such"})
    with pytest.raises(MissingDependencyError, match="pip install no-such"):
        list(run_checks(absent))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import numpy\n", "imports numpy; name the target as a string"),
        ("def regkit_methods():\n    import SimpleITK\n    return []\n", "SimpleITK"),
        ("1 / 0\n", "cannot load heavy_plugin (ZeroDivisionError: division by zero)"),
    ],
)
def test_a_heavy_declaration_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    (tmp_path / "heavy_plugin.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", python_path(tmp_path))
    heavy = Plugin("heavy", "heavy_plugin", "heavy", "1.0")
    found = run_check("declaration is light", MethodUnderTest(offer("Centroid", heavy)))
    assert found.status == "failed"
    assert says in found.why


def test_a_plugin_that_only_this_process_can_find_is_told_so() -> None:
    local = Plugin("local", "toys", "", "")
    found = run_check("declaration is light", MethodUnderTest(offer("Centroid", local)))
    assert found.why == (
        "a fresh Python process cannot load toys (ModuleNotFoundError: No module named 'toys'); "
        "install the package rather than putting it on sys.path"
    )
