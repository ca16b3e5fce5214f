"""Error handling: every failure is one line on stderr and an exit code, without a traceback."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from regkit.cli.colors import echo, styled
from regkit.cli.context import settings
from regkit.errors import RegkitError, SelectionError, error_in_one_line, printable, short_message

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_VERDICT_FAIL = 3
OUTPUT_OPTIONS = ("-o", "--output")
MASK_OPTIONS = ("--fixed-mask", "--moving-mask")


class ErrorHandlingGroup(TyperGroup):
    """Command group that reports exceptions as one line, unless ``--debug`` is given."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the command line."""
        if parent is None:
            settings.command = shlex.join(["regkit", *args])
        with _reported_errors():
            _check_names(args)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _reported_errors():
            return super().invoke(ctx)


def _check_names(arguments: list[str]) -> None:
    """Raise an error for an empty name of a file, which would mean the current folder."""
    for option, name in pairwise(["", *arguments, "-"]):
        if not name.strip() and (not option.startswith("-") or option in MASK_OPTIONS):
            raise typer.BadParameter(
                "the name of a file is empty; is a variable of your script empty? For the "
                "current folder write '.'"
            )
        if (option in OUTPUT_OPTIONS and not name.strip()) or option == "--output=":
            raise typer.BadParameter(
                "the output has no name; is a variable of your script empty? For the current "
                "folder write '.'"
            )


@contextmanager
def _reported_errors() -> Iterator[None]:
    """Turn exceptions into one line and an exit code; usage errors are left to Typer."""
    try:
        yield
    except typer.TyperException as error:
        error.message = printable(error.message)
        raise
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        _fail("interrupted; no file is left half-written")
    except Exception as error:
        if settings.debug:
            raise
        code = EXIT_USAGE if isinstance(error, SelectionError) else EXIT_ERROR
        _fail("\n".join([_text(error), *getattr(error, "__notes__", [])]), code)


def _text(error: Exception) -> str:
    """Return one line for an error."""
    if isinstance(error, RegkitError):
        return short_message(str(error))
    if isinstance(error, MemoryError):
        return "not enough memory; use smaller images or close other programs"
    if isinstance(error, OSError) and error.strerror:
        return short_message(
            ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        )
    text = short_message(f"unexpected {error_in_one_line(error)}")
    return f"{text} (run again with --debug for details)"


def _fail(text: str, code: int = EXIT_ERROR) -> NoReturn:
    echo(styled(f"regkit: {text}", fg=typer.colors.RED), err=True)
    raise typer.Exit(code)
