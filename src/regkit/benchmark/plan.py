"""Plan of a benchmark: a dataset, methods and settings, as they stand in ``config.toml``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from regkit.benchmark.case_source import DatasetRef
from regkit.errors import BenchmarkError
from regkit.io.atomic_output import atomic_output
from regkit.learning.dataclass_json import read_dataclass
from regkit.registration.expression import (
    method_names,
    split_expressions,
    without_parentheses,
)
from regkit.registry import Registry
from regkit.regular_file import regular_file
from regkit.structured_text import parse_toml
from regkit.version import installed_version

CONFIG_FILE = "config.toml"
ALL = "all"
HEADING = "# What this folder holds. `regkit benchmark --config FILE -o NEW` runs it again.\n\n"
# Settings that do not change scores: they may differ when a benchmark is continued.
NOT_COMPARED = {("regkit",), ("dataset", "limit"), ("threads",), ("timeout_s",), ("memory_mb",)}


@dataclass(frozen=True)
class Method:
    """A method and the label of its records.

    Parameters
    ----------
    label
        Label of the records; unique in a benchmark.
    expression
        Method expression: ``a``, ``a+b``, or ``a,b`` for a fallback chain; see `build_method`.
    parameters
        Parameters that differ from the defaults.
    optional
        Permission to skip the method where it is not available; its records give the reason.
    """

    label: str
    expression: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The methods that the expression names."""
        return tuple(method_names(self.expression))


@dataclass(frozen=True)
class Plan:
    """A whole benchmark.

    Parameters
    ----------
    dataset
        Source of the cases.
    methods
        Methods that run on every case.
    seed, device
        Values for every method that has such a parameter.
    threads
        Threads of each worker process; 0 for the default of the libraries.
    timeout_s
        Time limit of each stage: reading a case, registering it, scoring it.
    memory_mb
        Memory limit of a worker process; 0 for no limit.
    builtin_only
        Plugins of other packages are left out.
    calibration
        Card of the verdict, or its folder; empty for the one that comes with regkit.
    """

    runner: ClassVar[str] = "regkit.benchmark.method_runner:MethodRunner"
    scorer: ClassVar[str] = "regkit.benchmark.scorer:CaseScorer"

    dataset: DatasetRef
    methods: tuple[Method, ...]
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    timeout_s: float = 3600.0
    memory_mb: int = 0
    builtin_only: bool = False
    calibration: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, in the form of ``config.toml``."""
        content = {"regkit": installed_version(), **asdict(self)}
        content["method"] = content.pop("methods")
        return dict(json.loads(json.dumps(content, default=str)))

    @staticmethod
    def of(content: Mapping[str, Any]) -> Plan:
        """Build a plan from plain data.

        Raises
        ------
        BenchmarkError
            A key is missing, unknown or of a wrong type.
        """
        rest = {k: v for k, v in content.items() if k not in ("regkit", "dataset", "method")}
        try:
            source = DatasetRef(**content["dataset"])
            methods = tuple(Method(**method) for method in content["method"])
            plan = read_dataclass(Plan, asdict(Plan(source, methods, **rest)))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BenchmarkError(f"not the plan of a benchmark: {error}") from error
        _check_labels(plan.methods)
        return plan

    def joined_with(self, before: Plan) -> Plan:
        """Return a plan that continues another one: its methods, then the new ones of this.

        Raises
        ------
        BenchmarkError
            Records of the two are not comparable; the message names the differences.
        """
        different = _differences(before, self)
        if different:
            raise BenchmarkError(
                f"the folder holds another benchmark ({different}); choose another folder"
            )
        known = {method.label for method in before.methods}
        new = tuple(method for method in self.methods if method.label not in known)
        return replace(self, methods=before.methods + new)


@dataclass(frozen=True)
class BenchmarkTask:
    """One case and one method.

    Parameters
    ----------
    index
        Index of the case in the dataset.
    case
        Id of the case.
    method
        Label of the method.
    """

    index: int
    case: str
    method: str


def parse_methods(texts: Iterable[str], registry: Registry) -> tuple[Method, ...]:
    """Return the methods of the command line's ``-m`` options.

    Parameters
    ----------
    texts
        Lists ``x,y``; an item is ``a``, ``a+b``, ``(a,b)`` or ``a/b`` (a fallback chain, since
        the comma separates items), one of these with a label as in ``quick=a+b``, or ``all``.
    registry
        The registry; ``all`` stands for its methods.

    Raises
    ------
    BenchmarkError
        No method, or two with one label.
    UnknownNameError, DuplicateNameError
        The name of a method cannot be used.
    """
    items = [item for text in texts for item in split_expressions(text)]
    methods = tuple(method for item in items for method in _parse_item(item, registry))
    if not methods:
        raise BenchmarkError("a benchmark needs a method; give one or more with -m")
    _check_labels(methods)
    for method in methods:
        for name in method.names if not method.optional else ():
            registry.method(name)
    return methods


def with_parameters(methods: Sequence[Method], values: Mapping[str, Any]) -> tuple[Method, ...]:
    """Return methods with parameters set: ``key`` of every method, ``name.key`` of one.

    `name` is a label or a method in an expression.
    """
    for key in values:
        owner, dot, _ = key.rpartition(".")
        if dot and not any(owner in (m.label, *m.names) for m in methods):
            raise BenchmarkError(
                f"'{key}' sets a parameter of '{owner}', which is not among the methods; name it "
                "with -m"
            )
    return tuple(
        replace(m, parameters={**m.parameters, **_parameters_of(m, values)}) for m in methods
    )


def read_plan(file: Path) -> Plan:
    """Read a plan from a TOML file such as ``config.toml``."""
    try:
        content = parse_toml(regular_file(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"cannot read the benchmark in {file}: {error}") from error
    try:
        return Plan.of(content)
    except BenchmarkError as error:
        raise BenchmarkError(f"{file}: {error}") from error


def write_plan(plan: Plan, folder: Path) -> None:
    """Write a plan as ``config.toml``."""
    with atomic_output(folder) as stage:
        text = HEADING + "\n".join(_toml(plan.as_dict(), "")) + "\n"
        stage.path(CONFIG_FILE).write_text(text, encoding="utf-8")


def _parse_item(item: str, registry: Registry) -> list[Method]:
    if item == ALL:
        names = dict.fromkeys(offer.spec.name for offer in registry.methods)
        return [Method(name, name, optional=True) for name in names]
    label, labelled, expression = item.rpartition("=")
    chain = without_parentheses(expression)
    return [Method(label.strip() if labelled else chain, chain.replace("/", ","))]


def _check_labels(methods: Sequence[Method]) -> None:
    labels = [method.label for method in methods]
    if "" in labels:
        raise BenchmarkError("a method has an empty label; write label=method, or only the method")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise BenchmarkError(
            f"two methods are called '{twice[0]}'; give one another label, as in other={twice[0]}"
        )


def _parameters_of(method: Method, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that apply to one method, without the prefix of its label."""
    parameters = {}
    for key, value in values.items():
        owner, dot, bare = key.rpartition(".")
        if not dot or owner in method.names:
            parameters[key] = value
        elif owner == method.label:
            parameters[bare] = value
    return parameters


def _differences(before: Plan, now: Plan) -> str:
    """Return the settings in which records of the two plans would differ, in words."""
    old, new = _flattened(before), _flattened(now)
    shared = {method.label for method in before.methods} & {m.label for m in now.methods}
    keys = sorted(
        key
        for key in {*old, *new}
        if key not in NOT_COMPARED and (key[0] != "method" or key[1] in shared)
    )
    return ", ".join(
        f"{' '.join(key)}: {old.get(key, 'not set')} there, {new.get(key, 'not set')} now"
        for key in keys
        if old.get(key) != new.get(key)
    )


def _flattened(plan: Plan) -> dict[tuple[str, ...], Any]:
    content = plan.as_dict()
    methods = {m.pop("label"): {**m, "optional": False} for m in content.pop("method")}
    flat: dict[tuple[str, ...], Any] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*path, key))
        else:
            flat[path] = value

    walk(content | {"method": methods}, ())
    return flat


def _toml(content: Mapping[str, Any], prefix: str) -> list[str]:
    """Return the lines of a TOML document."""
    lines = [
        f"{_key(key)} = {_value(value)}"
        for key, value in content.items()
        if not isinstance(value, dict) and not _is_tables(value) and value is not None
    ]
    for key, value in content.items():
        name = f"{prefix}{_key(key)}"
        if isinstance(value, dict) and value:
            lines += ["", f"[{name}]", *_toml(value, f"{name}.")]
        elif _is_tables(value):
            for item in value:
                lines += ["", f"[[{name}]]", *_toml(item, f"{name}.")]
    return lines


def _value(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    # JSON texts are TOML texts, except for surrogates, and DEL must be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isalnum() and bare.isascii() else _value(key)
