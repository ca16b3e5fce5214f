"""The method under test, and the errors by which a check reports its result."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from regkit.errors import MissingDependencyError
from regkit.plugin import MethodSpec
from regkit.registrar import Estimate, Pair, Registrar
from regkit.registration.parameters import configure
from regkit.registry import Plugin, RegisteredSpec
from regkit.testing.phantom_pairs import fresh, plain_problem


class ContractError(AssertionError):
    """The method violates the contract; the message says how, and by how much."""


class NotDeclaredError(Exception):
    """The check does not apply, because the method does not declare what it tests."""


class MethodUnderTest:
    """A method under test.

    Parameters
    ----------
    registered
        Spec of the method and its plugin.
    """

    def __init__(self, registered: RegisteredSpec[MethodSpec]) -> None:
        self._registered = registered
        self.spec: MethodSpec = registered.spec
        self.owner: Plugin = registered.owner

    @cached_property
    def target(self) -> Any:
        """The class that the spec names.

        Raises
        ------
        MissingDependencyError
            A package or the weights are missing here.
        """
        if self._registered.problem:
            raise MissingDependencyError(f"{self.spec.name} {self._registered.problem}")
        return self._registered.load()

    def new(self) -> Registrar:
        """Build the method with its default parameters and its preset."""
        require(
            dataclasses.is_dataclass(self.target),
            f"{self.spec.target} must be a frozen dataclass of its parameters",
        )
        registrar: Registrar = configure(self.target, self.spec.name, self.spec.preset)
        return registrar

    def register(self, pair: Pair) -> Estimate:
        """Register a copy of a pair with a newly built method."""
        return self.new().register(fresh(pair))

    @cached_property
    def plain_estimate(self) -> Estimate:
        """The estimate for the plain problem, which several checks use."""
        return self.register(plain_problem().pair)


def require(holds: bool, otherwise: str) -> None:
    """Raise `ContractError` with a message unless a condition holds."""
    if not holds:
        raise ContractError(otherwise)


def require_declared(declares: bool, otherwise: str) -> None:
    """Raise `NotDeclaredError` with a message unless the method declares something."""
    if not declares:
        raise NotDeclaredError(otherwise)
