"""The conformance kit: every check of a method, for ``regkit check`` and for pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from regkit.errors import MissingDependencyError, error_in_one_line
from regkit.plugin import MethodSpec
from regkit.registry import RegisteredSpec, Registry, default_registry
from regkit.testing import alignment_checks as alignment
from regkit.testing import behavior_checks as behavior
from regkit.testing import declaration_checks as declaration
from regkit.testing.method_under_test import ContractError, MethodUnderTest, NotDeclaredError
from regkit.testing.phantom_pairs import GRIDS

Status = Literal["ok", "failed", "not declared"]

CHECKS: dict[str, Callable[[MethodUnderTest], None]] = {
    "parameters are plain data": declaration.parameters_are_plain_data,
    "declaration is light": declaration.declaration_is_light,
    "returns an estimate": behavior.returns_an_estimate,
    "returns its model": behavior.returns_its_model,
    **{f"maps fixed to moving, {kind}": alignment.maps_fixed_to_moving(kind) for kind in GRIDS},
    "same anatomy on any grid": alignment.same_anatomy_on_any_grid,
    "same far from the origin": alignment.same_far_from_the_origin,
    "identity stays": alignment.identity_stays,
    "improves alignment": alignment.improves_alignment,
    "leaves images where they are": alignment.leaves_images_where_they_are,
    "sizes may differ": alignment.sizes_may_differ,
    "inputs unchanged": behavior.leaves_inputs_unchanged,
    "repeatable": behavior.is_repeatable,
    "supports initial": alignment.supports_initial,
    "supports fixed mask": alignment.supports_fixed_mask,
    "supports moving mask": alignment.supports_moving_mask,
    "supports both masks": alignment.supports_both_masks,
    "survives saving": behavior.survives_saving,
}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; `why` is empty for ``ok``."""

    check: str
    status: Status
    why: str = ""


def run_checks(registered: RegisteredSpec[MethodSpec]) -> Iterator[CheckResult]:
    """Run every check on a method, one after the other.

    Raises
    ------
    MissingDependencyError
        The method cannot run here.
    """
    subject = MethodUnderTest(registered)
    _ = subject.target
    for name in CHECKS:
        yield run_check(name, subject)


def run_check(check: str, subject: MethodUnderTest) -> CheckResult:
    """Run one check; a method that raises an error fails it."""
    try:
        CHECKS[check](subject)
    except NotDeclaredError as error:
        return CheckResult(check, "not declared", str(error))
    except ContractError as error:
        return CheckResult(check, "failed", str(error))
    except Exception as error:  # any error of a method is a failed check
        return CheckResult(check, "failed", f"it raised {error_in_one_line(error)}")
    return CheckResult(check, "ok")


def method_tests(name: str, registry: Registry | None = None) -> Any:
    """Return a pytest test of a method with a case for every check.

    One line of a test module is enough: ``test_mine = method_tests("mine")``. Checks of what the
    method does not declare are skipped, with the reason.

    Parameters
    ----------
    name
        Name of the method.
    registry
        Source of the method; the environment's own by default.
    """
    import pytest  # noqa: PLC0415 - `regkit check` runs without it

    @cache
    def subject() -> MethodUnderTest:
        return MethodUnderTest((registry or default_registry()).method(name))

    @pytest.mark.parametrize("check", list(CHECKS))
    def test(check: str) -> None:
        report_check(check, subject())

    test.__doc__ = f"The method '{name}' satisfies regkit's contract."
    # Collected under any name in the test module.
    test.__test__ = True  # type: ignore[attr-defined]
    return test


def report_check(check: str, subject: MethodUnderTest) -> None:
    """Run one check and report its result to pytest."""
    import pytest  # noqa: PLC0415 - `regkit check` runs without it

    try:
        _ = subject.target
    except MissingDependencyError as error:
        pytest.skip(str(error))
    found = run_check(check, subject)
    if found.status == "not declared":
        pytest.skip(f"not declared: {found.why}")
    if found.status == "failed":
        pytest.fail(f"{subject.spec.name}: {check}: {found.why}", pytrace=False)
