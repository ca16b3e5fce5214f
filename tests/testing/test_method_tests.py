"""One line of a test module gives one test per check."""

import pytest

from regkit.testing import method_tests
from regkit.testing.conformance import CHECKS

pytest_plugins = ["pytester"]

# The line itself, under names that pytest would and would not collect by default.
test_identity = method_tests("identity")


@pytest.fixture
def run(pytester: pytest.Pytester):
    def inline(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", *options)

    return inline


@pytest.mark.parametrize("name", ["test_mine", "TestMine", "my_contract"])
def test_any_name_is_collected(run, name: str) -> None:
    result = run(
        f"from regkit.testing import method_tests\n{name} = method_tests('identity')\n",
        "--collect-only",
        "-q",
    )
    result.stdout.fnmatch_lines([f"*::{name}[[]{check}[]]" for check in CHECKS])


def test_what_is_not_declared_is_reported_and_not_passed(run) -> None:
    result = run(
        "from regkit.testing import method_tests\ntest_mine = method_tests('identity')\n",
        "-k",
        "mask or repeatable",
    )
    result.assert_outcomes(passed=1, skipped=3, deselected=len(CHECKS) - 4)
    result.stdout.fnmatch_lines(["*not declared: it does not support a fixed mask*"])


def test_a_failure_is_one_sentence_without_a_traceback(run) -> None:
    result = run(
        """
        from importlib.metadata import EntryPoint
        from dataclasses import dataclass
        from regkit import Estimate, MethodSpec, hookimpl
        from regkit.registry import Registry
        from regkit.testing import method_tests

        @dataclass(frozen=True)
        class Lazy:
            def register(self, pair):
                return Estimate(pair.start)

        @hookimpl
        def regkit_methods():
            return [MethodSpec(name="lazy", target=f"{__name__}:Lazy"),
                    MethodSpec(name="absent", target="x:Y", requires={"no_such": "no-such"})]

        registry = Registry([EntryPoint("lazy", __name__, "regkit")])
        test_lazy = method_tests("lazy", registry)
        test_absent = method_tests("absent", registry)
        """,
        "-k",
        "improves",
    )
    result.assert_outcomes(failed=1, skipped=1, deselected=2 * (len(CHECKS) - 1))
    result.stdout.fnmatch_lines(["lazy: improves alignment: the map is off by *"])
    result.stdout.fnmatch_lines(["*absent needs no-such: pip install no-such*"])
    result.stdout.no_fnmatch_line("*conformance.py:*: in *")


def test_an_unknown_method_says_which_there_are(run) -> None:
    result = run("from regkit.testing import method_tests\ntest_x = method_tests('identiti')\n")
    assert result.parseoutcomes().get("failed") == len(CHECKS)
    result.stdout.fnmatch_lines(["*no method is called 'identiti'; did you mean identity?"])
