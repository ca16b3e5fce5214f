"""Dataclasses read from JSON and checked by their annotations."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from regkit.learning.renamed_keys import renamed_key
from regkit.registration.parameters import Parameter

T = TypeVar("T")


def read_dataclass(kind: type[T], content: Any, key: str = "") -> T:
    """Build a dataclass from plain data; keys that it has no field for are left out.

    Parameters
    ----------
    kind
        Dataclass of plain values, `Literal`, tuples, mappings and further dataclasses.
    content
        Mapping from field names to values, as JSON has them.
    key
        Key of the content itself inside the file, for messages; empty for the whole file.

    Raises
    ------
    ValueError
        A key is missing, has been renamed or has a value of the wrong type; one line names it.
    """
    if not isinstance(content, Mapping):
        message = f"{key or 'it'} must be an object, got {content!r}"
        raise ValueError(message)  # noqa: TRY004 - one kind of error for all that is in a file
    inside = f"{key}." if key else ""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if renamed := renamed_key(content, fields, inside):
        raise ValueError(renamed)
    hints, values = get_type_hints(kind), {}
    for name, field in fields.items():
        if name in content:
            values[name] = _read(hints[name], content[name], inside + name)
        elif _is_required(field):
            raise ValueError(f"it has no '{inside}{name}'")
    return kind(**values)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _read(kind: Any, value: Any, key: str) -> Any:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return read_dataclass(kind, value, key)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Mapping and isinstance(value, Mapping):
        return {name: _read(arguments[1], item, f"{key}.{name}") for name, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        kinds = arguments[:1] * len(value) if arguments[1:] == (Ellipsis,) else arguments
        if len(kinds) == len(value):
            return tuple(_read(k, v, key) for k, v in zip(kinds, value, strict=True))
    elif origin in (Union, types.UnionType):
        return _read_first(arguments, value, key)
    elif _is_plain(kind, value):
        return float(value) if kind is float else value
    raise ValueError(f"{key} takes {Parameter(key, kind, None).type_name}, got {value!r}")


def _read_first(kinds: tuple[Any, ...], value: Any, key: str) -> Any:
    """Return the value as the first of several types that it fits."""
    if type(None) in kinds and isinstance(value, Mapping):  # the error is that of the object
        kinds = tuple(kind for kind in kinds if kind is not type(None))
    for kind in kinds[:-1]:
        try:
            return _read(kind, value, key)
        except ValueError:
            continue
    return _read(kinds[-1], value, key)


def _is_plain(kind: Any, value: Any) -> bool:
    """Return whether a value is of a plain type; a bool is no number."""
    if kind is Any:
        return True
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if isinstance(value, bool) or not isinstance(kind, type):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
