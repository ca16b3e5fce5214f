"""The registry of plugins and of their specs. Importing this module imports no plugin."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

import pluggy

from regkit.errors import (
    DuplicateNameError,
    MissingDependencyError,
    PluginError,
    UnknownNameError,
    error_in_one_line,
)
from regkit.plugin import (
    GROUP,
    CommandSpec,
    DatasetSpec,
    FrameSpec,
    Hooks,
    MethodSpec,
    MetricSpec,
    Spec,
)
from regkit.version import DISTRIBUTION
from regkit.weights import find_weights, why_missing

# The method when a user names none.
DEFAULT_METHOD = "auto"
# Environment variable with the names of plugins to leave out, separated by commas.
DISABLE_VARIABLE = "REGKIT_DISABLE_PLUGINS"

# Whether plugins of other packages are left out for now.
_builtin_only: ContextVar[bool] = ContextVar("builtin_only", default=False)

AnySpec = TypeVar("AnySpec", bound=Spec)


@dataclass(frozen=True)
class Plugin:
    """An entry point; `problem` says why it cannot be used, and is empty if it can."""

    name: str
    target: str
    distribution: str
    version: str
    problem: str = ""


@dataclass(frozen=True)
class RegisteredSpec(Generic[AnySpec]):
    """A spec and the plugin that declares it."""

    spec: AnySpec
    owner: Plugin

    @property
    def problem(self) -> str:
        """Reason why it cannot be used here; empty when it can."""
        package = getattr(self.spec, "weights", "")
        if (
            not self.missing_requirements
            and package
            and find_weights(self.spec.name, package) is None
        ):
            return why_missing(self.spec.name)
        return self.missing_requirements

    @property
    def missing_requirements(self) -> str:
        """Packages that it needs and that are not installed, as a hint; empty when none."""
        missing = [p for name, p in self.spec.requires.items() if not _installed(name)]
        return f"needs {', '.join(missing)}: pip install {' '.join(missing)}" if missing else ""

    def load(self) -> Any:
        """Import and return the target of the spec.

        Raises
        ------
        MissingDependencyError
            A package it requires is not installed.
        PluginError
            The target cannot be imported.
        """
        if self.missing_requirements:
            raise MissingDependencyError(f"{self.spec.name} {self.missing_requirements}")
        return self._imported(self.spec.target)

    def load_trainer(self) -> Any:
        """Import and return the function that trains a method, which needs no weights yet.

        Raises
        ------
        PluginError
            The method cannot be trained, or the function cannot be imported.
        """
        trainer = getattr(self.spec, "trainer", "")
        if not trainer:
            raise PluginError(
                f"{self.spec.name} is not a learned method: there is nothing to train"
            )
        return self._imported(trainer)

    def _imported(self, target: str) -> Any:
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f"{self.spec.name} of plugin '{self.owner.name}' cannot be imported from "
                f"{target}: {error_in_one_line(error)}"
            ) from error


class Registry:
    """All plugins of an environment and all specs that they declare.

    Parameters
    ----------
    points
        The entry points to load; by default those of the group ``regkit``.
    disabled
        Names of entry points to leave out.
    builtin_only
        True to leave out every plugin that does not come with regkit itself.
    """

    def __init__(
        self,
        points: Iterable[EntryPoint] | None = None,
        disabled: Iterable[str] = (),
        builtin_only: bool = False,
    ) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(Hooks)
        self._plugins: dict[str, Plugin] = {}
        found = entry_points(group=GROUP) if points is None else points
        for point in sorted(found, key=lambda p: (p.name, p.value)):
            plugin = _describe(point)
            taken = plugin.name in self._plugins
            key = f"{plugin.name} ({plugin.target})" if taken else plugin.name
            if builtin_only and plugin.distribution != DISTRIBUTION:
                problem = "left out: only built-in plugins were asked for"
            elif plugin.name in set(disabled):
                problem = f"disabled by {DISABLE_VARIABLE}"
            else:
                problem = self._register(point, key)
            self._plugins[key] = replace(plugin, problem=problem)

    def _register(self, point: EntryPoint, key: str) -> str:
        """Load one plugin; return the reason why it cannot be used, or an empty text."""
        try:
            module = point.load()
        except (Exception, SystemExit) as error:  # a broken plugin must not break the program
            return error_in_one_line(error)
        if self._manager.is_registered(module):
            return f"left out: plugin '{self._manager.get_name(module)}' is the same module"
        try:
            self._manager.register(module, key)
            self._manager.check_pending()
        except Exception as error:
            if self._manager.is_registered(module):
                self._manager.unregister(module)
            return error_in_one_line(error)
        if not self._manager.get_hookcallers(module):
            return "offers nothing: no function is marked with regkit.hookimpl"
        return ""

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin found, broken and disabled ones included."""
        self._load_all()
        return tuple(self._plugins.values())

    @cached_property
    def methods(self) -> tuple[RegisteredSpec[MethodSpec], ...]:
        """Every registration method offered, by name."""
        return self._collect("regkit_methods", MethodSpec)

    @cached_property
    def metrics(self) -> tuple[RegisteredSpec[MetricSpec], ...]:
        """Every metric offered, by name."""
        return self._collect("regkit_metrics", MetricSpec)

    @cached_property
    def datasets(self) -> tuple[RegisteredSpec[DatasetSpec], ...]:
        """Every dataset offered, by name."""
        return self._collect("regkit_datasets", DatasetSpec)

    @cached_property
    def frames(self) -> tuple[RegisteredSpec[FrameSpec], ...]:
        """Every standard frame offered, by name."""
        return self._collect("regkit_frames", FrameSpec)

    @cached_property
    def commands(self) -> tuple[RegisteredSpec[CommandSpec], ...]:
        """Every command offered, by name."""
        return self._collect("regkit_commands", CommandSpec)

    def method(self, name: str) -> RegisteredSpec[MethodSpec]:
        """Return the method of a name; `DuplicateNameError` if two plugins offer it."""
        return self._only(self.methods, name, "method")

    def metric(self, name: str) -> RegisteredSpec[MetricSpec]:
        """Return the metric of a name, as `method` does."""
        return self._only(self.metrics, name, "score")

    def dataset(self, name: str) -> RegisteredSpec[DatasetSpec]:
        """Return the dataset of a name, as `method` does."""
        return self._only(self.datasets, name, "dataset")

    def frame(self, name: str) -> RegisteredSpec[FrameSpec]:
        """Return the standard frame of a name, as `method` does."""
        return self._only(self.frames, name, "standard frame")

    def command(self, name: str) -> RegisteredSpec[CommandSpec]:
        """Return the command of a name, as `method` does."""
        return self._only(self.commands, name, "command")

    @property
    def disabled_hint(self) -> str:
        """Hint at disabled or broken plugins, which may offer an unknown name, or empty."""
        names = ", ".join(plugin.name for plugin in self.plugins if plugin.problem)
        return f" (plugins left out, see `regkit plugins`: {names})" if names else ""

    def _only(
        self, entries: Iterable[RegisteredSpec[AnySpec]], name: str, what: str
    ) -> RegisteredSpec[AnySpec]:
        entries = tuple(entries)
        found = [entry for entry in entries if entry.spec.name == name]
        if not found:
            renamed = (e.spec.name for e in entries if name in e.spec.former_names)
            hint = next((f"it is now called '{new}'" for new in renamed), "")
            hint = hint or suggest(name, {entry.spec.name for entry in entries})
            raise UnknownNameError(f"no {what} is called '{name}'; {hint}{self.disabled_hint}")
        if len(found) > 1:
            owners = " and ".join(f"'{o.owner.name}' ({o.owner.distribution})" for o in found)
            foreign = (o.owner.name for o in found if o.owner.distribution != DISTRIBUTION)
            left_out = next(foreign, found[0].owner.name)
            raise DuplicateNameError(
                f"the {what} '{name}' is offered by {owners}; rename yours, or leave a plugin out "
                f"by {DISABLE_VARIABLE}={left_out}"
            )
        return found[0]

    def _load_all(self) -> None:
        """Call every hook, so that the plugins whose hooks fail are known to be broken."""
        _ = self.methods, self.metrics, self.datasets, self.frames, self.commands

    def _collect(self, hook: str, kind: type[AnySpec]) -> tuple[RegisteredSpec[AnySpec], ...]:
        entries = []
        # Implementations are called one by one, so that the owner of every name is known.
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            key = implementation.plugin_name
            owner = self._plugins[key]
            try:
                specs = _checked(implementation.function(), hook, kind)
            except Exception as error:
                self._plugins[key] = replace(owner, problem=f"{hook}: {error_in_one_line(error)}")
            else:
                entries += [RegisteredSpec(spec, owner) for spec in specs]
        return tuple(sorted(entries, key=lambda entry: entry.spec.name))


def default_registry(builtin_only: bool | None = None) -> Registry:
    """Return the registry of this environment, read once per process.

    Parameters
    ----------
    builtin_only
        True to leave out plugins of other packages, None for what `leave_out_plugins` says.
    """
    return environment_registry(_builtin_only.get() if builtin_only is None else builtin_only)


@contextmanager
def leave_out_plugins(wanted: bool = True) -> Iterator[None]:
    """Leave out plugins of other packages in a block, for methods made of methods as well."""
    before = _builtin_only.set(wanted)
    try:
        yield
    finally:
        _builtin_only.reset(before)


@cache
def environment_registry(builtin_only: bool) -> Registry:
    """Return the registry of this environment; `default_registry` chooses which."""
    disabled = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return Registry(disabled=[name.strip() for name in disabled], builtin_only=builtin_only)


def suggest(word: str, known: Iterable[str], heading: str = "available") -> str:
    """Return a hint with the known names closest to a word, or with all of them, as a list."""
    known = sorted(known)
    # Its time grows with the square of the length; no name is so long.
    close = difflib.get_close_matches(word[:100], known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"{heading}: {', '.join(known) or 'none'}"


def _checked(specs: Iterable[Any], hook: str, kind: type[AnySpec]) -> list[AnySpec]:
    specs = list(specs)
    wrong = [spec for spec in specs if not isinstance(spec, kind)]
    if wrong:
        raise PluginError(f"{hook} must return {kind.__name__}, got {wrong[0]!r}")
    if fault := next(filter(None, (spec.fault for spec in specs)), ""):
        raise PluginError(fault)
    return specs


def _describe(point: EntryPoint) -> Plugin:
    owner = ("", "") if point.dist is None else _name_and_version(point.dist)
    return Plugin(point.name, point.value, *owner)


@cache  # several plugins have one owner, and each look parses its metadata
def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # the parent of a dotted name, or a half-made module
        return False
