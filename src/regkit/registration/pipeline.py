"""Methods from expressions: ``a+b`` starts b from the result of a; ``a,b`` falls back to b."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from regkit.errors import (
    MissingDependencyError,
    ParameterError,
    PluginError,
    RegistrationError,
    RegkitError,
    error_in_one_line,
)
from regkit.registrar import Estimate, Judgement, Pair, Refiner, Registrar, require_estimate
from regkit.registration.device import check_gpu_is_usable
from regkit.registration.expression import parse_expression
from regkit.registration.judgement import judge, own_judgement
from regkit.registration.parameters import configure, parameters_of, unknown_parameter
from regkit.registration.verdict import Verdict
from regkit.registration.witness import search_witness
from regkit.registry import Registry, default_registry
from regkit.working import part_of_work


@dataclass(frozen=True)
class Pipeline:
    """Registrars in sequence, each started from the result of the one before.

    A `Refiner` receives the whole estimate, with the labels found so far.
    """

    stages: tuple[Registrar, ...]

    def register(self, pair: Pair) -> Estimate:
        """Return the total map of all stages, with the labels of the last one that segments."""
        diagnostics = []
        found: Estimate | None = None
        for number, stage in enumerate(self.stages, 1):
            with part_of_work(f"step {number} of {len(self.stages)}"):
                if found is not None and isinstance(stage, Refiner):
                    estimate = stage.refine(pair, found)
                else:
                    estimate = stage.register(pair)
            found = _with_labels_of(require_estimate(estimate, type(stage).__name__), found)
            diagnostics.append(dict(found.diagnostics))
            pair = replace(pair, initial=found.transform, initial_is_guess=False)
        last = found or Estimate(pair.start)
        return replace(last, diagnostics={**diagnostics[-1], "stages": diagnostics})

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Return what the last stage that judges this estimate says; None where none does."""
        told = (own_judgement(stage, pair, estimate) for stage in reversed(self.stages))
        return next((judgement for judgement in told if judgement is not None), None)


def _with_labels_of(estimate: Estimate, earlier: Estimate | None) -> Estimate:
    """Return an estimate with the labels of an earlier one where it has none of its own."""
    if earlier is None:
        return estimate
    own = estimate.labels, estimate.fixed_labels
    labels, fixed_labels = (
        before if mine is None else mine
        for mine, before in zip(own, (earlier.labels, earlier.fixed_labels), strict=True)
    )
    return replace(estimate, labels=labels, fixed_labels=fixed_labels)


@dataclass(frozen=True)
class Fallback:
    """Registrars tried in turn until the verdict on one is OK."""

    choices: tuple[Registrar, ...]
    names: tuple[str, ...]

    def register(self, pair: Pair) -> Estimate:
        """Return the first estimate that is judged OK, else the best one."""
        attempts: list[tuple[Verdict, Estimate, str]] = []
        tried = []
        search = cache(partial(search_witness, pair))
        for name, choice in zip(self.names, self.choices, strict=True):
            try:
                with part_of_work(name):
                    estimate = require_estimate(choice.register(pair), name)
            except Exception as error:  # the next method may work where this one fails
                known = isinstance(error, RegkitError)
                reason = str(error) if known else error_in_one_line(error)
                tried.append({"method": name, "verdict": "FAIL", "reasons": [reason]})
                continue
            own = own_judgement(choice, pair, estimate)
            verdict = judge(pair, estimate, search() if own is None else None, own=own)
            attempts.append((verdict, estimate, name))
            tried.append(
                {"method": name, "verdict": verdict.status, "reasons": list(verdict.reasons)}
            )
            if verdict.status == "OK":
                break
        if not attempts:
            reasons = "; ".join(f"{t['method']}: {t['reasons'][0]}" for t in tried)
            raise RegistrationError(f"every method of the chain failed: {reasons}")
        _, best, name = min(attempts, key=lambda attempt: attempt[0].rank)
        inner = best.diagnostics.get("used")  # of a method that chose as well
        used = f"{name} ({inner})" if inner else name
        diagnostics = {**best.diagnostics, "used": used, "tried": tried}
        return replace(best, diagnostics=diagnostics)

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Return what the choice that was used says of its estimate; None if it judges none."""
        used, _, _ = str(estimate.diagnostics["used"]).partition(" (")
        return own_judgement(self.choices[self.names.index(used)], pair, estimate)


def build_method(
    expression: str,
    parameters: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Registrar:
    """Build a registrar from an expression of method names.

    Parameters
    ----------
    expression
        ``name``, ``a+b`` (a pipeline), ``a,b`` (a fallback chain) or both; ``+`` binds tighter.
        See `regkit.registration.expression.parse_expression`.
    parameters
        ``key`` sets the parameter of every method that has it, ``name.key`` of one method only.
    registry
        Source of the methods; the environment's own by default.
    defaults
        Like `parameters`, but a method that lacks one is no error (``seed``, ``device``); only
        a GPU that none of the methods can use is one.

    Raises
    ------
    UnknownNameError, DuplicateNameError, MissingDependencyError
        A name that cannot be used.
    ParameterError
        A parameter that none of the methods has, or a value it cannot take.
    PluginError
        A target that cannot be imported, or is no method.
    DeviceError
        The default device is a GPU, and none of the methods can use one.
    """
    registry, defaults = registry or default_registry(), defaults or {}
    chains = parse_expression(expression)
    entries = {name: registry.method(name) for chain in chains for name in chain}
    targets = {name: entry.load() for name, entry in entries.items()}
    check_gpu_is_usable(targets, defaults.get("device", "auto"), registry)
    assigned = _assign(targets, parameters or {}, defaults)
    for name, entry in entries.items():
        if entry.problem and "weights" not in assigned[name]:
            raise MissingDependencyError(f"{name} {entry.problem}")
    built = {
        name: configure(target, name, {**entries[name].spec.preset, **assigned[name]})
        for name, target in targets.items()
    }
    for name, method in built.items():
        if not isinstance(method, Registrar):
            raise PluginError(
                f"{name} ({entries[name].spec.target}) has no method register(self, pair)"
            )
    choices = tuple(_pipeline(tuple(built[name] for name in chain)) for chain in chains)
    if len(choices) == 1:
        return choices[0]
    return Fallback(choices, tuple("+".join(chain) for chain in chains))


def _pipeline(stages: tuple[Registrar, ...]) -> Registrar:
    return stages[0] if len(stages) == 1 else Pipeline(stages)


def _assign(
    targets: Mapping[str, Any], parameters: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the parameters that apply to each method."""
    known = {name: parameters_of(target) for name, target in targets.items()}
    assigned = {
        name: {k: v for k, v in defaults.items() if k in has and v is not None}
        for name, has in known.items()
    }
    for key, value in parameters.items():
        owner, dot, bare = key.rpartition(".")
        if dot and owner not in known:
            raise ParameterError(
                f"'{key}' names the method '{owner}', which is not among {', '.join(known)}"
            )
        takers = [owner] if dot else [name for name, has in known.items() if bare in has]
        if not takers:
            raise ParameterError(unknown_parameter(" and ".join(known), key, targets.values()))
        for name in takers:
            assigned[name][bare] = value
    return assigned
