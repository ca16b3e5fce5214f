"""Explaining an estimate: the method of an expression that shows what its network looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from regkit.errors import PluginError, RegistrationError
from regkit.geometry.derived import derivations_kept
from regkit.registrar import Explainer, Explanation, Pair, Registrar
from regkit.registration.expression import parse_expression
from regkit.registration.input_checks import check_pair
from regkit.registration.known_regions import known_pair
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import Pipeline, build_method
from regkit.registration.run import failures_named
from regkit.registry import Registry, default_registry


@dataclass(frozen=True)
class ExplainableMethod:
    """The first method of a chain that explains its estimate, and those before it.

    Parameters
    ----------
    name
        Name of the method.
    before
        Methods whose result it starts from, in order.
    explainer
        The method.
    is_last
        True if its estimate is the result of the whole chain.
    """

    name: str
    before: tuple[Registrar, ...]
    explainer: Explainer
    is_last: bool

    def explain(self, pair: Pair) -> Explanation:
        """Run the methods as `regkit.registration.run.run` does, and explain the estimate.

        Parameters
        ----------
        pair
            Images, masks and initial transform.

        Raises
        ------
        RegistrationError
            Bad input, or a failure of a method.
        """
        check_pair(pair)
        known = known_pair(with_modalities(pair)).pair
        with derivations_kept(known.fixed, known.moving), failures_named(self.name):
            if self.before:
                found = Pipeline(self.before).register(known)
                known = replace(known, initial=found.transform, initial_is_guess=False)
            return self.explainer.explain(known)


def explainable_method(
    expression: str,
    parameters: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> ExplainableMethod:
    """Return the method of an expression that explains its estimate.

    Parameters
    ----------
    expression, parameters, defaults, registry
        Parameters of `regkit.registration.pipeline.build_method`.

    Raises
    ------
    RegistrationError
        No method of the expression explains anything, or it chooses among methods.
    PluginError
        A method has no function ``explain`` although its plugin says so.
    """
    registry = registry or default_registry()
    known = {one.spec.name: one.spec for one in registry.methods if one.spec.explains}
    chains = parse_expression(expression)
    number = next((n for n, name in enumerate(chains[0]) if name in known), None)
    if len(chains) > 1 or number is None:
        raise RegistrationError(
            f"{expression} does not show what it looked at; of the methods here, "
            f"{', '.join(sorted(known)) or 'none'} can: register again with -m NAME"
        )
    built = build_method(expression, parameters, registry, defaults)
    stages = built.stages if isinstance(built, Pipeline) else (built,)
    name, explainer = chains[0][number], stages[number]
    if not isinstance(explainer, Explainer):
        raise PluginError(f"{name} ({known[name].target}) has no method explain(self, pair)")
    return ExplainableMethod(name, stages[:number], explainer, number == len(stages) - 1)
