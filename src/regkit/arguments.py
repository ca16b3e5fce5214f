"""Arguments of public functions: what the annotations say, or one error that says what to do.

A function marked by `checked` gets what it works with. What stands for it is made into it: the
path of an image or an image of another library into a volume, a matrix or a file into a transform.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable
from numbers import Integral, Real
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import ParameterError, one_line
from regkit.late_import import late_import

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
AnyClass = TypeVar("AnyClass", bound=type)

# By the name of a class, the function that makes its objects of what stands for them. It takes the
# value and the name of the parameter, and raises an error that says what to do.
MAKERS = {
    "Volume": "regkit.io.library_images:made_volume",
    "Grid": "regkit.io.library_images:made_grid",
    "Transform": "regkit.io.transforms:made_transform",
}
# By the name of a class, what a message calls its objects, and where they come from.
WORDS = {
    "Landmarks": "landmarks",
    "Pair": "a regkit.Pair(fixed, moving)",
    "PathLike": "the path of a file or folder",
    "Registrar": "an object with a function register(pair) (regkit.register takes names)",
    "RegistrationResult": "the result of regkit.register",
    "Sequence": "a list",
    "Iterable": "a list",
    "Mapping": "a mapping (dict)",
    "Callable": "a function",
    "NoneType": "None",
    "Path": "the path of a file or folder",
    "bool": "True or False",
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
}
# Of these NumPy's ArrayLike consists; one that may also be None has one option more.
_ARRAY_OPTIONS = set(get_args(ArrayLike))
_UNFIT = object()


def checked(function: AnyFunction) -> AnyFunction:
    """Refuse arguments of the wrong kind, with an error of one line that says what to do.

    Raises
    ------
    ParameterError
        By the function that is returned: the argument is nothing that the annotation allows.
    """
    positional = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checking(*given: Any, **named: Any) -> Any:
        fitted = [
            _argument(function, name, value)
            for name, value in zip(positional, given, strict=False)
        ]
        options = {name: _argument(function, name, value) for name, value in named.items()}
        return function(*fitted, *given[len(fitted) :], **options)

    return checking  # type: ignore[return-value]


def checked_fields(cls: AnyClass) -> AnyClass:
    """Refuse values of the wrong kind for the fields of a dataclass, as `checked` does."""
    cls.__init__ = checked(cls.__init__)  # type: ignore[misc]
    return cls


def _argument(function: Callable[..., Any], name: str, value: Any) -> Any:
    """Return the value as its annotation asks for; parameters without any take everything."""
    hint = _hints(function).get(name, Any)
    if hint is Any:
        return value
    fitted = _as_kind(value, hint, name)
    if fitted is _UNFIT:
        raise ParameterError(
            f"{_name(function)}: {name} must be {_words(hint)}, got {described(value)}"
        )
    return fitted


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of the parameters, read in the module of the function."""
    parameters = {k: v for k, v in function.__annotations__.items() if k != "return"}
    of = types.SimpleNamespace(__annotations__=parameters)
    hints = get_type_hints(of, vars(sys.modules[function.__module__]), include_extras=True)
    variadic = {p.name for p in inspect.signature(function).parameters.values() if _is_open(p)}
    return {name: hint for name, hint in hints.items() if name not in variadic}


def _is_open(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)


def _name(function: Callable[..., Any]) -> str:
    return function.__qualname__.removesuffix(".__init__")


def _as_kind(value: Any, hint: Any, name: str) -> Any:
    """Return the value as an annotation asks for, or `_UNFIT`."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, TypeVar):
        return _as_kind(value, hint.__bound__ or Any, name)
    if origin is Annotated:
        return _as_kind(value, inner[0], name)
    if _takes_numbers(hint):
        return value if _holds_numbers(value) or _takes_none(value, inner) else _UNFIT
    if origin in (Union, types.UnionType):
        return _as_one_of(value, inner, name)
    return _as_class(value, origin or hint, inner, name)


def _as_one_of(value: Any, options: tuple[Any, ...], name: str) -> Any:
    """Return the value as one of the options: as it is where that fits, else made into one."""
    plain = [option for option in options if _maker(option) is None]
    if any(isinstance(value, option) for option in options if _maker(option)):
        return value
    for option in (*plain, *(option for option in options if _maker(option))):
        fitted = _as_kind(value, option, name)
        if fitted is not _UNFIT:
            return fitted
    return _UNFIT


def _as_class(value: Any, kind: Any, inner: tuple[Any, ...], name: str) -> Any:
    """Return the value as an object of a class or of a generic one."""
    if kind is Any:
        return value
    if kind is Literal:
        kind = str  # which words there are, the function says
    if kind in (bool, int, float):
        return _as_number(value, kind)
    if kind in (collections.abc.Sequence, collections.abc.Iterable, tuple):
        return _as_list(value, inner)
    if kind is collections.abc.Callable:
        return value if callable(value) else _UNFIT
    if isinstance(value, kind):
        return value
    maker = _maker(kind)
    return _UNFIT if maker is None else late_import(maker)(value, name)


def _maker(kind: Any) -> str | None:
    return MAKERS.get(getattr(kind, "__name__", ""))


def _as_number(value: Any, kind: type) -> Any:
    """Return a number as `kind`; Python takes True and False for whole numbers, too."""
    if isinstance(value, bool | np.bool_):
        return bool(value) if kind is bool else _UNFIT
    if kind is int and isinstance(value, Integral):
        return int(value)
    return value if kind is float and isinstance(value, Real) else _UNFIT


def _as_list(value: Any, inner: tuple[Any, ...]) -> Any:
    """Return a value that holds several ones, or `_UNFIT`; of texts, every one must be one."""
    one = isinstance(value, str | bytes | os.PathLike | np.ndarray | collections.abc.Mapping)
    if one or not hasattr(value, "__iter__"):
        return _UNFIT
    if inner != (str,):
        return value
    texts = tuple(value) if isinstance(value, collections.abc.Iterator) else value
    return texts if all(isinstance(text, str) for text in texts) else _UNFIT


def _takes_numbers(hint: Any) -> bool:
    """Return whether an annotation is that of an array, or of a tuple of numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        return inner[0] in (int, float)
    return origin is np.ndarray or (origin is Union and set(inner) >= _ARRAY_OPTIONS)


def _takes_none(value: Any, options: tuple[Any, ...]) -> bool:
    return value is None and type(None) in options


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc"
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except (TypeError, ValueError):  # lists of different lengths
        return False


def _words(hint: Any) -> str:
    """Return what an annotation allows, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, TypeVar):
        return _words(hint.__bound__)
    if origin is Annotated:
        return str(inner[1])
    if _takes_numbers(hint):
        return "numbers (an array or a list)"
    if origin in (Union, types.UnionType):
        return _joined(inner)
    return _class_words(origin or hint, inner)


def _class_words(kind: Any, inner: tuple[Any, ...]) -> str:
    if kind is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if inner == (str,) and kind is not os.PathLike:
        return "a list of texts"
    name = getattr(kind, "__name__", str(kind))
    return WORDS.get(name, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")


def _joined(options: tuple[Any, ...]) -> str:
    """Return the words of several options; a path is a text or an object."""
    words = dict.fromkeys(_words(option) for option in options)
    if WORDS["PathLike"] in words:
        words.pop(WORDS["str"], None)
    return " or ".join(words)


def described(value: Any) -> str:
    """Return a value as the message of an error names it."""
    if value is None or isinstance(value, bool | Real):
        return str(value)
    if isinstance(value, str):
        return repr(one_line(value)[:80])
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
