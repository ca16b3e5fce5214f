"""Whether a method keeps the contract: every check, for `regkit check` and for pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from regkit.errors import MissingDependencyError
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
    "honours initial": alignment.honours_initial,
    "honours fixed mask": alignment.honours_fixed_mask,
    "honours moving mask": alignment.honours_moving_mask,
    "honours both masks": alignment.honours_both_masks,
    "survives saving": behavior.survives_saving,
}


@dataclass(frozen=True)
class Outcome:
    """What one check found; `why` is empty for ``ok``."""

    check: str
    status: Status
    why: str = ""


def examine(offer: RegisteredSpec[MethodSpec]) -> Iterator[Outcome]:
    """Run every check on a method, one after the other.

    Raises
    ------
    MissingDependencyError
        The method cannot run here.
    """
    subject = MethodUnderTest(offer)
    _ = subject.target
    for name in CHECKS:
        yield outcome(name, subject)


def outcome(check: str, subject: MethodUnderTest) -> Outcome:
    """Run one check; a method that raises an error fails it."""
    try:
        CHECKS[check](subject)
    except NotDeclaredError as error:
        return Outcome(check, "not declared", str(error))
    except ContractError as error:
        return Outcome(check, "failed", str(error))
    except Exception as error:  # whatever a method raises is a finding
        first = (str(error).splitlines() or [""])[0]
        return Outcome(check, "failed", f"it raised {type(error).__name__}: {first}")
    return Outcome(check, "ok")


def method_tests(name: str, registry: Registry | None = None) -> Any:
    """Return one pytest test per check of a method.

    One line of a test module is enough: ``test_mine = method_tests("mine")``. A check of what the
    method does not declare is reported as skipped, with the reason.

    Parameters
    ----------
    name
        The method.
    registry
        Where to find it; the environment's own by default.
    """
    import pytest  # noqa: PLC0415 - `regkit check` runs without it

    @cache
    def subject() -> MethodUnderTest:
        return MethodUnderTest((registry or default_registry()).method(name))

    @pytest.mark.parametrize("check", list(CHECKS))
    def test(check: str) -> None:
        report_outcome(check, subject())

    test.__doc__ = f"The method '{name}' keeps regkit's contract."
    # Collected whatever the name it is given in the test module.
    test.__test__ = True  # type: ignore[attr-defined]
    return test


def report_outcome(check: str, subject: MethodUnderTest) -> None:
    """Run one check and tell pytest about it."""
    import pytest  # noqa: PLC0415 - `regkit check` runs without it

    try:
        _ = subject.target
    except MissingDependencyError as error:
        pytest.skip(str(error))
    found = outcome(check, subject)
    if found.status == "not declared":
        pytest.skip(f"not declared: {found.why}")
    if found.status == "failed":
        pytest.fail(f"{subject.spec.name}: {check}: {found.why}", pytrace=False)
