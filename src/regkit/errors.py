"""The errors that regkit raises on purpose: one line with the fault, the value and a remedy."""

import re
from textwrap import shorten

# Escape sequences that colour text or move the cursor of a terminal.
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class RegkitError(Exception):
    """Base of all errors that a user can cause and fix."""


class GeometryError(RegkitError):
    """An array, a grid or a direction that cannot describe a 3-D volume in space."""


class FileFormatError(RegkitError):
    """A file that is missing, unreadable, truncated, or not of the format its name promises."""


class SelectionError(FileFormatError):
    """Several images where one is needed and none is chosen, or a choice that none fits.

    Its notes hold a table of the images, where there is one.
    """


class OutputError(RegkitError):
    """A file or folder that cannot be written."""


class TransformError(RegkitError):
    """A transform that cannot be built, combined or written in the format asked for."""


class NotInvertibleError(TransformError):
    """A transform without an inverse: a singular matrix or a folded displacement field."""


class PluginError(RegkitError):
    """A plugin, or a name that plugins offer, cannot be used."""


class UnknownNameError(PluginError):
    """No plugin offers the name; close names are suggested."""


class DuplicateNameError(PluginError):
    """Two plugins offer the same name; both owners are named."""


class MissingDependencyError(PluginError):
    """A method needs a package that is not installed."""


class ParameterError(RegkitError):
    """A parameter that a method does not have, or a value it cannot take."""


class DeviceError(ParameterError):
    """A device that this machine does not have, or that none of the methods can use."""


class RegistrationError(RegkitError):
    """A pair that cannot be registered, or a method that failed on it."""


class BenchmarkError(RegkitError):
    """A benchmark that cannot be run, continued or compared."""


def one_line(text: str) -> str:
    """Return text on one line, without terminal escape sequences and control characters."""
    plain = _ESCAPE.sub("", text)
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())


def error_in_one_line(error: BaseException) -> str:
    """Return the class and the message of an error on one line, cut where it is long."""
    message = shorten(one_line(str(error)), width=300, placeholder=" ...")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
