"""The commands that say what there is: whole, honest, and readable by programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from python_path import python_path
from regkit.cli import app
from regkit.registration.parameters import parameters_of
from regkit.registry import default_registry

PLUGINS = {
    "broken": "import no_such_package\n",
    "needy": """
from regkit import MethodSpec, hookimpl
@hookimpl
def regkit_methods():
    return [MethodSpec(name="needy", target="x:Y", requires={"no_such": "no-such"}),
            MethodSpec(name="identity", target="x:Y")]
""",
    "lazy": """
from dataclasses import dataclass
from regkit import MethodSpec, MetricSpec, hookimpl
@hookimpl
def regkit_methods():
    return [MethodSpec(name="lazy", target="lazy_plugin:Lazy", preset={"n": 3}, reference="[a]")]
@dataclass(frozen=True)
class Lazy:
    n: int = 2
    def register(self, pair):
        from regkit import Estimate
        return Estimate(pair.start)
""",
}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with three more distributions, each with a plugin of its own."""
    folder = tmp_path_factory.mktemp("site")
    for name, source in PLUGINS.items():
        (folder / f"{name}_plugin.py").write_text(source)
        info = folder / f"{name}_dist-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text(f"[regkit]\n{name} = {name}_plugin\n")
    return {**os.environ, "PYTHONPATH": python_path(folder), "COLUMNS": "30", "NO_COLOR": "1"}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "regkit", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def row(output: str, start: str) -> str:
    """The one line of a table that starts with a word, its gaps made single."""
    (found,) = [line for line in output.splitlines() if line.split(None, 1)[:1] == [start]]
    return " ".join(found.split())


def test_methods_lists_every_method_of_the_registry() -> None:
    output = invoke("methods").stdout
    for offer in default_registry().methods:
        line = row(output, offer.spec.name)
        for words in (offer.spec.model, offer.owner.name, offer.spec.summary):
            assert words in line


def test_methods_as_json_say_the_same() -> None:
    listed = {m["name"]: m for m in json.loads(invoke("methods", "--json").stdout)}
    assert list(listed) == [offer.spec.name for offer in default_registry().methods]
    assert listed["identity"] == {
        "name": "identity",
        "model": "none",
        "supports": ["initial"],
        "plugin": "classic",
        "distribution": "regkit-imaging",
        "problem": "",
        "summary": default_registry().method("identity").spec.summary,
        "reference": "",
    }


def test_plugins_lists_name_distribution_version_status() -> None:
    output = invoke("plugins").stdout
    for plugin in default_registry().plugins:
        expected = f"{plugin.name} {plugin.distribution} {plugin.version} ok"
        assert row(output, plugin.name) == expected
    listed = {p["name"]: p for p in json.loads(invoke("plugins", "--json").stdout)}
    assert listed["classic"]["target"] == "regkit_classic.plugin"
    assert listed["classic"]["distribution"] == "regkit-imaging"


def test_plugins_lists_datasets_frames_and_commands() -> None:
    lines = invoke("plugins").stdout.splitlines()
    registry = default_registry()
    for kind, offered in (
        ("datasets", registry.datasets),
        ("frames", registry.frames),
        ("commands", registry.commands),
    ):
        assert f"{kind}: {', '.join(o.spec.name for o in offered) or 'none'}" in lines


def test_help_says_where_the_documentation_is() -> None:
    words = " ".join(invoke("--help").stdout.split())
    assert "Documentation: README.md and the folder docs of the source" in words


def test_output_is_whole_where_there_is_no_terminal(elsewhere: dict[str, str]) -> None:
    """However narrow the terminal that is not there."""
    listed = run(elsewhere, "methods")
    summary = default_registry().method("identity").spec.summary
    assert sum(summary in line for line in listed.stdout.splitlines()) == 1
    assert not any(line.endswith(" ") for line in listed.stdout.splitlines())
    assert "\x1b" not in listed.stdout


def test_what_cannot_be_used_is_listed_with_the_reason(elsewhere: dict[str, str]) -> None:
    listed = run(elsewhere, "methods")
    assert listed.returncode == 0
    assert "rigid initial needy needs no-such: pip install no-such" in row(listed.stdout, "needy")
    assert (
        "plugin 'broken' is not used: ModuleNotFoundError: No module named 'no_such_package'\n"
        in listed.stdout
    )
    assert "none initial classic also offered by needy: disable one" in " ".join(
        listed.stdout.split()
    )
    found = run(elsewhere, "plugins").stdout
    assert row(found, "needy") == "needy needy-dist 2.0 ok"
    assert row(found, "broken").startswith("broken broken-dist 2.0 ModuleNotFoundError: No module")


def test_no_plugins_leaves_everything_out_that_is_not_built_in(elsewhere: dict[str, str]) -> None:
    found = json.loads(run(elsewhere, "--no-plugins", "methods", "--json").stdout)
    assert {m["distribution"] for m in found} == {"regkit-imaging"}
    left_out = [
        p
        for p in json.loads(run(elsewhere, "--no-plugins", "plugins", "--json").stdout)
        if p["problem"].startswith("left out: only built-in plugins")
    ]
    assert {p["name"] for p in left_out} >= {"broken", "needy", "lazy", "example"}


def test_disabled_plugins_are_listed_as_such(elsewhere: dict[str, str]) -> None:
    found = run({**elsewhere, "REGKIT_DISABLE_PLUGINS": "broken,lazy"}, "plugins").stdout
    assert row(found, "broken").endswith("disabled by REGKIT_DISABLE_PLUGINS")
    assert row(found, "lazy").endswith("disabled by REGKIT_DISABLE_PLUGINS")
    assert row(found, "needy").endswith("ok")


def test_show_tells_everything_about_a_method() -> None:
    shown = invoke("show", "edge-shift")
    assert shown.exit_code == 0
    assert row(shown.stdout, "kind") == "kind method"
    assert row(shown.stdout, "from").startswith("from example (regkit-example-plugin ")
    assert row(shown.stdout, "code") == "code regkit_example.edge_shift:EdgeShift"
    assert row(shown.stdout, "status") == "status available"
    target = default_registry().method("edge-shift").load()
    assert target.__doc__.splitlines()[0] in shown.stdout
    for parameter in parameters_of(target).values():
        line = row(shown.stdout, parameter.name)
        assert line == f"{parameter.name} {parameter.type_name} {parameter.default}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", "It has no parameters."),
        ("dice", "higher"),
        ("worst_tre_mm", "mm"),
        ("tiny-thorax", "The thorax phantom, shifted four times."),
    ],
)
def test_show_knows_methods_metrics_and_datasets(name: str, expected: str) -> None:
    shown = invoke("show", name)
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"{name}: ")
    assert expected in shown.stdout


def test_show_gives_the_preset_and_keeps_brackets(elsewhere: dict[str, str]) -> None:
    shown = run(elsewhere, "show", "lazy").stdout
    assert row(shown, "n") == "n int 3"
    assert row(shown, "reference") == "reference [a]"


def test_show_explains_what_is_missing(elsewhere: dict[str, str]) -> None:
    shown = run(elsewhere, "show", "needy")
    assert shown.returncode == 0
    assert row(shown.stdout, "needs") == "needs no-such (no_such)"
    assert row(shown.stdout, "status") == "status needs no-such: pip install no-such"


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["show", "dicce"],
            "no method, score, dataset or frame is called 'dicce'; did you mean dice",
        ),
        (["check", "identiti"], "no method is called 'identiti'; did you mean identity"),
        (["check", "needy"], "needy needs no-such: pip install no-such"),
        (["check", "identity"], "the method 'identity' is offered by 'classic' (regkit-imaging) "),
    ],
)
def test_a_name_that_cannot_be_used_is_one_line_and_exit_code_1(
    elsewhere: dict[str, str], arguments: list[str], message: str
) -> None:
    failed = run(elsewhere, *arguments)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith(f"regkit: {message}")
    assert failed.stderr.count("\n") == 1


@pytest.mark.conformance
def test_check_passes_a_method_that_keeps_the_contract() -> None:
    checked = invoke("check", "identity")
    assert checked.exit_code == 0
    assert row(checked.stdout, "repeatable") == "repeatable ok"
    assert "not declared  it does not support a fixed mask" in checked.stdout
    assert checked.stdout.splitlines()[-1] == "identity: 11 ok, 0 failed, 10 not declared"


@pytest.mark.conformance
def test_check_exits_with_1_where_a_method_does_not(elsewhere: dict[str, str]) -> None:
    checked = run(elsewhere, "check", "lazy")
    assert checked.returncode == 1
    assert row(checked.stdout, "improves").startswith(
        "improves alignment failed the map is off by 25.7 mm"
    )
    assert row(checked.stdout, "repeatable") == "repeatable ok"
    assert " failed, " in checked.stdout.splitlines()[-1]
