"""Turns every failure into one line on stderr and an exit code; no traceback reaches a user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from regkit.cli.context import settings
from regkit.errors import RegkitError

EXIT_ERROR = 1
EXIT_VERDICT_FAIL = 3
OUTPUT = ("-o", "--output")


class ErrorHandlingGroup(TyperGroup):
    """A command group behind which no exception escapes, unless ``--debug`` was given."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Read the command line; see the module."""
        with _border():
            _check_output(args)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module."""
        with _border():
            return super().invoke(ctx)


def _check_output(words: list[str]) -> None:
    """Refuse an output without a name, which would mean the folder one happens to be in."""
    for option, name in pairwise([*words, "-"]):
        if (option in OUTPUT and not name.strip()) or option == "--output=":
            raise typer.BadParameter(
                "the output has no name: is a variable of your script empty? For the current "
                "folder write '.'"
            )


@contextmanager
def _border() -> Iterator[None]:
    try:
        yield
    except (typer.TyperException, typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        _fail("interrupted; no file is left half-written")
    except Exception as error:
        if settings.debug:
            raise
        _fail(_one_line(error))


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, RegkitError):
        return words
    if isinstance(error, MemoryError):
        return "not enough memory; use smaller images or close other programs"
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return f"unexpected {type(error).__name__}: {words} (run again with --debug for details)"


def _fail(words: str) -> NoReturn:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    typer.secho(f"regkit: {words}", err=True, fg=None if plain else typer.colors.RED)
    raise typer.Exit(EXIT_ERROR)
