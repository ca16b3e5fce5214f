"""Every method of the registry keeps every promise of the contract."""

from functools import cache

import pytest

from regkit.registry import default_registry
from regkit.testing.conformance import CHECKS, MethodUnderTest, report_check

pytestmark = pytest.mark.conformance

METHODS = [offer.spec.name for offer in default_registry().methods]


@cache
def subject(name: str) -> MethodUnderTest:
    return MethodUnderTest(default_registry().method(name))


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("name", METHODS)
def test_method(name: str, check: str) -> None:
    report_check(check, subject(name))


def test_the_registry_is_not_empty() -> None:
    """Otherwise the test above would pass by having nothing to do."""
    assert {"identity", "edge-shift"} <= set(METHODS)
