"""Turns every failure into one line on stderr and an exit code; no traceback reaches a user."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from regkit.cli.context import settings
from regkit.errors import RegkitError

EXIT_ERROR = 1
EXIT_VERDICT_FAIL = 3


class Border(TyperGroup):
    """A command group behind which no exception escapes, unless ``--debug`` was given."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module."""
        try:
            return super().invoke(ctx)
        except (typer.TyperException, typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            _fail("interrupted; nothing was written")
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
    return f"unexpected {type(error).__name__}: {words} (run again with --debug for details)"


def _fail(words: str) -> NoReturn:
    typer.secho(f"regkit: {words}", err=True, fg=typer.colors.RED)
    raise typer.Exit(EXIT_ERROR)
