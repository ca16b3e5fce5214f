"""Finding plugins: what is broken, double or missing stays by itself."""

from __future__ import annotations

import importlib
import itertools
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from regkit.errors import (
    DuplicateNameError,
    MissingDependencyError,
    PluginError,
    UnknownNameError,
)
from regkit.registry import (
    Registry,
    default_registry,
    environment_registry,
    leave_out_plugins,
    suggest,
)

HEADER = "from regkit.plugin import DatasetSpec, MethodSpec, MetricSpec, hookimpl\n"
GOOD = """
@hookimpl
def regkit_methods():
    return [MethodSpec(name="good", target="fractions:Fraction")]
"""
NUMBERS = itertools.count()
MakePlugin = Callable[..., EntryPoint]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlugin:
    """Writes a plugin module and returns its entry point, owned by a distribution if named."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, source: str, distribution: str = "") -> EntryPoint:
        module = f"made_plugin_{next(NUMBERS)}"
        (tmp_path / f"{module}.py").write_text(HEADER + textwrap.dedent(source))
        importlib.invalidate_caches()
        if not distribution:
            return EntryPoint(name, module, "regkit")
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[regkit]\n{name} = {module}\n")
        importlib.invalidate_caches()
        return next(p for p in entry_points(group="regkit") if p.value == module)

    return make


def problems(registry: Registry) -> dict[str, str]:
    return {p.name: p.problem for p in registry.plugins if p.problem}


def names(registry: Registry) -> list[str]:
    return [offer.spec.name for offer in registry.methods]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError: "),
        ("raise ValueError('one\\ntwo')", "ValueError: one two"),
        ("", "offers nothing: no function is marked with regkit.hookimpl"),
        ("def regkit_methods():\n    return []", "offers nothing: no function is marked"),
        ("@hookimpl\ndef regkit_method():\n    return []", "unknown hook 'regkit_method'"),
        ("@hookimpl\ndef regkit_methods(extra):\n    return []", "Argument(s) {'extra'}"),
        (
            "@hookimpl\ndef regkit_methods():\n    raise OSError('no disk')",
            "regkit_methods: OSError: no disk",
        ),
        (
            "@hookimpl\ndef regkit_methods():\n    yield 1 / 0",
            "regkit_methods: ZeroDivisionError: division by zero",
        ),
        ("@hookimpl\ndef regkit_methods():\n    return None", "regkit_methods: TypeError: "),
        ("@hookimpl\ndef regkit_methods():\n    return 5", "regkit_methods: TypeError: "),
        (
            "@hookimpl\ndef regkit_metrics():\n    return ['dice']",
            "regkit_metrics must return MetricSpec, got 'dice'",
        ),
        (
            "@hookimpl\ndef regkit_methods():\n    return [MetricSpec(name='m', target='a:b')]",
            "regkit_methods must return MethodSpec, got MetricSpec",
        ),
        (
            "@hookimpl\ndef regkit_methods():\n    return [MethodSpec(name='a+b', target='a:b')]",
            "the name 'a+b' must consist of letters, digits and - _ . only",
        ),
        (
            (
                "@hookimpl\ndef regkit_methods():\n"
                "    return [MethodSpec(name='m', target='a:b', model='ridig')]"
            ),
            (
                "the model of m must be one of none, rigid, similarity, affine, deformable, "
                "got 'ridig'"
            ),
        ),
        (
            (
                "@hookimpl\ndef regkit_methods():\n"
                "    return [MethodSpec(name='m', target='a:b', supports={'initial', 'masks'})]"
            ),
            "m can only declare support of initial, fixed_mask, moving_mask, got 'masks'",
        ),
        (
            "@hookimpl\ndef regkit_methods():\n    return [MethodSpec(name='m', target='a.B')]",
            "the target of m must be 'package.module:Name', got 'a.B'",
        ),
        (
            (
                "@hookimpl\ndef regkit_metrics():\n"
                "    return [MetricSpec(name='m', target='a:b', better='less')]"
            ),
            "'better' of m must be lower, higher or empty, got 'less'",
        ),
        (
            "@hookimpl\ndef regkit_datasets():\n    return [DatasetSpec(name='d')]",
            "regkit_datasets: TypeError: ",
        ),
    ],
)
def test_a_broken_plugin_disables_only_itself(
    plugin: MakePlugin, source: str, reason: str
) -> None:
    points = [plugin("broken", source), plugin("a-good", GOOD), plugin("z-good", GOOD)]
    registry = Registry(points)
    assert list(problems(registry)) == ["broken"]
    assert reason in problems(registry)["broken"]
    assert "\n" not in problems(registry)["broken"]
    assert names(registry) == ["good", "good"]


def test_an_entry_point_without_its_module_is_listed(plugin: MakePlugin) -> None:
    gone = EntryPoint("gone", "package_that_is_gone.plugin", "regkit")
    registry = Registry([gone, plugin("good", GOOD)])
    assert problems(registry) == {
        "gone": "ModuleNotFoundError: No module named 'package_that_is_gone'"
    }
    assert names(registry) == ["good"]


def test_a_hook_that_fails_leaves_the_plugins_other_hooks_alone(plugin: MakePlugin) -> None:
    half = GOOD + "\n@hookimpl\ndef regkit_metrics():\n    raise OSError('no disk')\n"
    registry = Registry([plugin("half", half)])
    assert problems(registry) == {"half": "regkit_metrics: OSError: no disk"}
    assert names(registry) == ["good"]
    assert registry.metrics == ()


def test_every_name_has_its_owner(plugin: MakePlugin) -> None:
    point = plugin("mine", GOOD, distribution="my-methods")
    owner = Registry([point]).method("good").owner
    assert (owner.name, owner.distribution, owner.version) == ("mine", "my-methods", "1.2")
    assert owner.target == point.value


def test_a_duplicate_name_raises_only_when_it_is_asked_for(plugin: MakePlugin) -> None:
    both = """
    @hookimpl
    def regkit_methods():
        return [MethodSpec(name=n, target="fractions:Fraction") for n in ("good", "{other}")]
    """
    registry = Registry(
        [
            plugin("one", both.format(other="first"), distribution="dist-one"),
            plugin("two", both.format(other="second"), distribution="dist-two"),
        ]
    )
    assert names(registry) == ["first", "good", "good", "second"]
    assert registry.method("first").owner.name == "one"
    assert registry.method("second").owner.name == "two"
    assert problems(registry) == {}
    with pytest.raises(
        DuplicateNameError,
        match=r"'good' is offered by 'one' \(dist-one\) and 'two' \(dist-two\); "
        "rename yours, or leave a plugin out by REGKIT_DISABLE_PLUGINS=one",
    ):
        registry.method("good")


def test_disabling_one_owner_resolves_a_duplicate(plugin: MakePlugin) -> None:
    points = [plugin("one", GOOD), plugin("two", GOOD)]
    registry = Registry(points, disabled=["one"])
    assert registry.method("good").owner.name == "two"
    assert problems(registry) == {"one": "disabled by REGKIT_DISABLE_PLUGINS"}


def test_plugins_of_one_name_do_not_push_each_other_out(plugin: MakePlugin) -> None:
    """Nobody can replace a built-in plugin by taking its name."""
    other = GOOD.replace('"good"', '"other"')
    registry = Registry([plugin("classic", GOOD), plugin("classic", other)])
    assert names(registry) == ["good", "other"]
    assert [p.name for p in registry.plugins] == ["classic", "classic"]
    assert problems(registry) == {}


def test_a_module_named_twice_counts_once(plugin: MakePlugin) -> None:
    point = plugin("one", GOOD)
    registry = Registry([point, EntryPoint("two", point.value, "regkit")])
    assert names(registry) == ["good"]
    assert problems(registry) == {"two": "left out: plugin 'one' is the same module"}


@pytest.mark.parametrize("package", ["no_such_package", "no_such_package.part", "fractions.part"])
def test_a_missing_dependency_is_told_and_how_to_mend_it(plugin: MakePlugin, package: str) -> None:
    needy = f"""
    @hookimpl
    def regkit_methods():
        return [MethodSpec(name="needy", target="no_such_package:Needy",
                           requires={{"{package}": "no-such", "fractions": "python"}})]
    """
    registry = Registry([plugin("needy", needy), plugin("good", GOOD)])
    offer = registry.method("needy")
    assert offer.problem == "needs no-such: pip install no-such"
    assert problems(registry) == {}
    with pytest.raises(MissingDependencyError, match="needy needs no-such: pip install no-such"):
        offer.load()
    assert registry.method("good").problem == ""


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("fractions:Nothing", "AttributeError: module 'fractions' has no attribute 'Nothing'"),
    ],
)
def test_a_target_that_cannot_be_imported_names_its_plugin(
    plugin: MakePlugin, target: str, reason: str
) -> None:
    offer = Registry([plugin("mine", GOOD.replace("fractions:Fraction", target))]).method("good")
    with pytest.raises(PluginError, match=f"good of plugin 'mine' cannot be .*{target}: {reason}"):
        offer.load()


def test_a_target_is_imported_on_first_use_only(plugin: MakePlugin) -> None:
    """A target that would crash does no harm until it is used."""
    bomb = plugin("bomb", "1 / 0").value
    registry = Registry([plugin("mine", GOOD.replace("fractions:Fraction", f"{bomb}:X"))])
    assert registry.method("good").problem == ""
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        registry.method("good").load()


def test_builtin_only_leaves_out_what_comes_from_elsewhere(plugin: MakePlugin) -> None:
    builtin = [p for p in entry_points(group="regkit") if p.name == "classic"]
    registry = Registry([*builtin, plugin("mine", GOOD, distribution="mine")], builtin_only=True)
    assert registry.method("identity").owner.distribution == "regkit-imaging"
    assert problems(registry) == {"mine": "left out: only built-in plugins were asked for"}
    with pytest.raises(UnknownNameError, match="no method is called 'good'"):
        registry.method("good")


def test_plugins_are_left_out_of_a_block_and_of_what_it_calls() -> None:
    everything = names(default_registry())
    assert "edge-shift" in everything
    with leave_out_plugins():
        assert names(default_registry()) == names(Registry(builtin_only=True))
        assert default_registry() is default_registry(builtin_only=True)
        assert names(default_registry(builtin_only=False)) == everything
    assert names(default_registry()) == everything


@pytest.mark.parametrize("value", ["classic", " classic , ants", "ants,classic,"])
def test_the_environment_disables_plugins(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("REGKIT_DISABLE_PLUGINS", value)
    environment_registry.cache_clear()
    try:
        registry = default_registry()
        assert problems(registry)["classic"] == "disabled by REGKIT_DISABLE_PLUGINS"
        assert "identity" not in names(registry)
    finally:
        environment_registry.cache_clear()


def test_methods_metrics_and_datasets_are_found_by_name(plugin: MakePlugin) -> None:
    source = """
    @hookimpl
    def regkit_methods():
        return [MethodSpec(name="b", target="fractions:Fraction")]
    @hookimpl
    def regkit_metrics():
        return (MetricSpec(name="a", target="math:sqrt", unit="mm"),)
    @hookimpl
    def regkit_datasets():
        yield DatasetSpec(name="c", target="math:cos")
    """
    registry = Registry([plugin("all", source)])
    assert registry.method("b").load().__name__ == "Fraction"
    assert registry.metric("a").spec.unit == "mm"
    assert registry.metric("a").load()(4.0) == 2.0
    assert registry.dataset("c").load().__name__ == "cos"
    with pytest.raises(UnknownNameError, match="no score is called 'b'; available: a"):
        registry.metric("b")


def test_an_unknown_name_suggests_close_ones() -> None:
    with pytest.raises(
        UnknownNameError, match="no method is called 'identiti'; did you mean identity"
    ):
        default_registry().method("identiti")


@pytest.mark.parametrize(("old", "new"), [("lv", "lv-axis"), ("walls", "lv-walls")])
def test_a_former_name_is_refused_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(
        UnknownNameError, match=f"no method is called '{old}'; it is now called '{new}'"
    ):
        default_registry().method(old)


def test_an_unknown_name_may_be_of_a_plugin_that_is_left_out() -> None:
    with pytest.raises(UnknownNameError, match=r"see `regkit plugins`: classic, nuclear\)"):
        Registry(disabled=["classic", "nuclear"]).method("mi")


def test_suggestions() -> None:
    assert suggest("dusf", ["dusfe", "mi"]) == "did you mean dusfe?"
    assert suggest("zzz", ["mi", "ants"]) == "available: ants, mi"
    assert suggest("zzz", []) == "available: none"


def test_nothing_installed_is_broken() -> None:
    assert {p.name: p.problem for p in default_registry().plugins if p.problem} == {}
