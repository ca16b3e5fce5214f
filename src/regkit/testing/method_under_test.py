"""A method under examination, and how a check says what it found."""

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
    """The method breaks a promise; the message says which and by how much."""


class NotDeclaredError(Exception):
    """The check does not apply, because the method does not claim what it tests."""


class MethodUnderTest:
    """A method under examination.

    Parameters
    ----------
    offer
        The method's spec and the plugin that offers it.
    """

    def __init__(self, offer: RegisteredSpec[MethodSpec]) -> None:
        self._offer = offer
        self.spec: MethodSpec = offer.spec
        self.owner: Plugin = offer.owner

    @cached_property
    def target(self) -> Any:
        """The class that the spec names.

        Raises
        ------
        MissingDependencyError
            The method cannot be used here: it lacks a package or its weights.
        """
        if self._offer.problem:
            raise MissingDependencyError(f"{self.spec.name} {self._offer.problem}")
        return self._offer.load()

    def new(self) -> Registrar:
        """Build the method with its default parameters and its preset."""
        require(
            dataclasses.is_dataclass(self.target),
            f"{self.spec.target} must be a frozen dataclass of its parameters",
        )
        registrar: Registrar = configure(self.target, self.spec.name, self.spec.preset)
        return registrar

    def register(self, pair: Pair) -> Estimate:
        """Register a copy of a pair with a method built for it only."""
        return self.new().register(fresh(pair))

    @cached_property
    def plain_estimate(self) -> Estimate:
        """The estimate for the plain problem, which several checks look at."""
        return self.register(plain_problem().pair)


def require(holds: bool, otherwise: str) -> None:
    """Raise `ContractError` unless something holds."""
    if not holds:
        raise ContractError(otherwise)


def require_declared(claims: bool, otherwise: str) -> None:
    """Raise `NotDeclaredError` unless the method claims something."""
    if not claims:
        raise NotDeclaredError(otherwise)
