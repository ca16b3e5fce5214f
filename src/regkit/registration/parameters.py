"""Parameters of methods: the fields of a frozen dataclass, checked and set by name."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from regkit.errors import ParameterError, PluginError, RegkitError, error_in_one_line
from regkit.registry import suggest
from regkit.regular_file import regular_file
from regkit.structured_text import parse_toml


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One field of a method: its name, its type and its default."""

    name: str
    type: Any
    default: Any

    @property
    def type_name(self) -> str:
        """The type in the notation of the command line."""
        return _type_name(self.type)


def parameters_of(target: Any) -> dict[str, Parameter]:
    """Return the parameters of a dataclass, in their order.

    Raises
    ------
    PluginError
        The target is no dataclass, or names types that do not exist.
    """
    if not (isinstance(target, type) and dataclasses.is_dataclass(target)):
        name = getattr(target, "__qualname__", repr(target))
        raise PluginError(f"{name} must be a frozen dataclass of its parameters")
    try:
        hints = get_type_hints(target)
    except Exception as error:
        raise PluginError(
            f"the types of the parameters of {target.__qualname__} cannot be read: "
            f"{error_in_one_line(error)}; name types that its module imports"
        ) from error
    found = {}
    for field in filter(lambda field: field.init, dataclasses.fields(target)):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found[field.name] = Parameter(field.name, hints[field.name], default)
    return found


def configure(target: Any, name: str, values: Mapping[str, Any]) -> Any:
    """Build a method from its class.

    Parameters
    ----------
    target
        Class of the method, a frozen dataclass.
    name
        Name of the method in errors.
    values
        Parameters to set; text is read as the field's type.

    Raises
    ------
    ParameterError
        The method lacks a parameter, a value has the wrong type or is refused by the method, or
        one that has no default is missing.
    """
    known = parameters_of(target)
    for key in values:
        if key not in known:
            raise ParameterError(unknown_parameter(name, key, [target]))
    for key, parameter in known.items():
        if key not in values and parameter.default is dataclasses.MISSING:
            raise ParameterError(
                f"{name} needs a value of its parameter '{key}': it has no default"
            )
    fitted = {key: _fit(value, known[key], name) for key, value in values.items()}
    try:
        return target(**fitted)
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from error
    except RegkitError:  # it says what is wrong, and callers may know its class
        raise
    except Exception as error:
        raise ParameterError(
            f"{name} does not accept its parameters: {error_in_one_line(error)}"
        ) from error


def unknown_parameter(name: str, key: str, targets: Iterable[Any]) -> str:
    """Return the words of an error about a parameter that no target has.

    Parameters
    ----------
    name
        Name of the method or methods.
    key
        Name that was given.
    targets
        Classes or functions whose parameters are meant. A class that has renamed some says so in
        its ``RENAMED_PARAMETERS``, old name -> new name.
    """
    known: set[str] = set()
    for target in targets:
        if new := getattr(target, "RENAMED_PARAMETERS", {}).get(key):
            return f"{name} has no parameter '{key}'; it is now called '{new}'"
        known |= parameters_of(target).keys()
    return f"{name} has no parameter '{key}'; {suggest(key, known, 'its parameters')}"


def check_ranges(method: Any, **ranges: tuple[float, float]) -> None:
    """Refuse parameters outside their least and greatest values, in a method's __post_init__.

    Raises
    ------
    ParameterError
        A value is out of range.
    """
    for name, (least, greatest) in ranges.items():
        value = getattr(method, name)
        if not least <= value <= greatest:
            raise ParameterError(f"{name} must be from {least:g} to {greatest:g}, got {value}")


def check_each(method: Any, least: float, greatest: float, *names: str) -> None:
    """Refuse parameters of several numbers if one is out of range, as `check_ranges` does."""
    for name in names:
        values = getattr(method, name)
        if not all(least <= value <= greatest for value in values):
            raise ParameterError(
                f"{name} takes numbers from {least:g} to {greatest:g}, got {_listed(values)}"
            )


def check_interval(method: Any, least: float, greatest: float, *names: str) -> None:
    """Refuse parameters that are not two numbers in rising order within a range."""
    for name in names:
        low, high = getattr(method, name)
        if not least <= low <= high <= greatest:
            raise ParameterError(
                f"{name} takes two numbers that rise, from {least:g} to {greatest:g}, "
                f"got {_listed((low, high))}"
            )


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is read as TOML (numbers, true, [lists]), else as text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ParameterError(f"'{text}' is not of the form key=value")
    return key.strip(), _read(value)


def _read(text: str) -> Any:
    """Return a value as TOML has it, else as text."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text.strip()


def read_parameters(file: Path) -> dict[str, Any]:
    """Read parameters from a TOML file; a table ``[name]`` holds those of one method only."""
    try:
        content = parse_toml(regular_file(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(f"cannot read the parameters in {file}: {error}") from error
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _fit(value: Any, parameter: Parameter, name: str) -> Any:
    fitted = _as_type(value, parameter.type)
    if fitted is _UNFIT:
        raise ParameterError(
            f"{name}: {parameter.name} takes {parameter.type_name}, got {value!r}"
        )
    return fitted


_UNFIT = object()


def _as_type(value: Any, kind: Any) -> Any:
    """Return the value as `kind`, or `_UNFIT`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        fits = (_as_type(value, option) for option in arguments)
        return next((fit for fit in fits if fit is not _UNFIT), _UNFIT)
    if origin is Literal:
        return value if value in arguments else _UNFIT
    if origin is tuple:
        return _as_tuple(value, arguments)
    return _as_plain(value, kind)


def _as_plain(value: Any, kind: Any) -> Any:
    if kind is types.NoneType and value in (None, "none"):
        return None
    if kind is Any:
        return value
    if isinstance(value, bool):  # which Python takes for a whole number
        return value if kind is bool else _UNFIT
    if kind is float and isinstance(value, int):
        return float(value)
    return value if isinstance(value, kind) else _UNFIT


def _as_tuple(values: Any, kinds: tuple[Any, ...]) -> Any:
    if isinstance(values, str) and "," in values:  # a list as people write it: 0.4,0.8
        values = [_read(item) for item in values.split(",")]
    if not isinstance(values, list | tuple):
        return _UNFIT
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(values)
    fitted = tuple(_as_type(v, k) for v, k in zip(values, kinds, strict=False))
    return _UNFIT if len(values) != len(kinds) or _UNFIT in fitted else fitted


def _type_name(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(str(option) for option in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(_type_name(option) for option in arguments)
    if origin is tuple:
        inside = ", ".join("..." if a is Ellipsis else _type_name(a) for a in arguments)
        return f"[{inside}]"
    return "none" if kind is types.NoneType else str(getattr(kind, "__name__", kind))
