"""The errors that regkit raises on purpose: one line with the fault, the value and a remedy."""

import re

# Longest message on a terminal, in a record or on a page, in characters; chosen by hand.
MAX_MESSAGE = 300
# Characters of a message that are looked at; the middle of a longer one is cut out unread.
_MOST_READ = 4000
# Characters of a long message that are left of its beginning: more than of its end, the remedy.
_BEGINNING = 180
# Escape sequences that color text, move the cursor of a terminal or set its title.
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]"
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[@-Z\\-_])"
)
# What libraries written in C++ tell of themselves: files of their source with line numbers,
# functions that failed, names of classes, addresses in memory. Each alternative begins at the
# beginning of a word, so that the search stays linear.
_INTERNALS = re.compile(
    r"Exception thrown in \w+ \w+:\s*"
    r"|(?<!\S)\S+\.(?:cxx|cpp|cc|hxx|hpp|txx|h|c):\d+:?\s*"
    r"|\b[A-Za-z_]\w*(?:::~?\w+)+(?:<[^<>]*>)?(?:\(\))?:?\s*"
    r"|\[Errno -?\d+\]\s*"
    r"|\s*\(0x[0-9a-fA-F]{6,}\):?"
    r"|(?:\s+at)?\s+0x[0-9a-fA-F]{6,}"
)

# All but the last two parts of an absolute path, which a long message can do without.
_LONG_PATH = re.compile(r"(^|[\s'\"(])/(?:[^/\s]+/)+(?=[^/\s]+/[^/\s]+)")


class RegkitError(Exception):
    """Base of all errors that a user can cause and fix; its text is one plain line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


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
    """Return text on one line, without control characters and the internals of libraries."""
    return " ".join(_INTERNALS.sub("", " ".join(printable(text).split())).split())


def printable(text: str) -> str:
    """Return text without terminal escape sequences and control characters; lines stay lines."""
    plain = _ESCAPE.sub("", text)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in plain)


def short_message(text: str) -> str:
    """Return a message for a terminal, a record or a page: one line, of a long one both ends."""
    line = one_line(text)
    if len(line) > _MOST_READ:
        line = f"{line[: _MOST_READ // 2]} ... {line[-_MOST_READ // 2 :]}"
    if len(line) > MAX_MESSAGE:
        line = _LONG_PATH.sub(r"\1.../", line)
    if len(line) <= MAX_MESSAGE:
        return line
    end = line[len(line) - (MAX_MESSAGE - _BEGINNING - len(" ... ")) :]
    return f"{line[:_BEGINNING].rstrip()} ... {end.lstrip()}"


def error_in_one_line(error: BaseException) -> str:
    """Return the class and the message of an error on one line, cut where it is long."""
    text = short_message(str(error))
    return short_message(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def failure_reason(error: BaseException) -> str:
    """Return one line for the error that made a task fail."""
    if isinstance(error, RegkitError):
        return short_message(str(error))
    if isinstance(error, MemoryError):
        return "ran out of memory"
    return error_in_one_line(error)
