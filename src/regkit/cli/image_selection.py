"""Options that choose one image of a DICOM study or file, for every command that reads images."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from regkit.cli.options import FRAME_HELP, SELECTION, SERIES_HELP, WINDOW_HELP

if TYPE_CHECKING:
    from regkit.io.selection import ImageSelection

Command: TypeAlias = Callable[..., None]
# The choice in each image of a command, by the image's role.
Selections: TypeAlias = "Mapping[str, ImageSelection]"

_OPTIONS: dict[str, tuple[type, str | int, str, str]] = {
    "series": (str, "", "NUMBER|UID|WORDS", SERIES_HELP),
    "frame": (int, 0, "NUMBER", FRAME_HELP),
    "window": (int, 0, "NUMBER", WINDOW_HELP),
}


def chooses_images(**roles: str) -> Callable[[Command], Command]:
    """Add --series, --frame and --window to a command, which gets them as ``selections``.

    A command of several images also gets them for each role, such as --fixed-series; those
    without a role hold for every image that is DICOM.

    Parameters
    ----------
    roles
        Name of the command's parameter that holds the image, by role.
    """
    groups = ["", *roles] if len(roles) > 1 else [""]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_selections(**values: Any) -> None:
            chosen = {
                group: {name: values.pop(_parameter(group, name)) for name in _OPTIONS}
                for group in groups
            }
            images = {role: values[parameter] for role, parameter in roles.items()}
            command(**values, selections=_selections(images, chosen))

        signature = _extended(command, groups)
        # Typer reads both.
        with_selections.__signature__ = signature  # type: ignore[attr-defined]
        with_selections.__annotations__ = {
            name: parameter.annotation for name, parameter in signature.parameters.items()
        }
        return with_selections

    return decorate


def _parameter(group: str, name: str) -> str:
    return f"selected_{group}_{name}"


def _extended(command: Command, groups: list[str]) -> inspect.Signature:
    """Return a command's signature with the options in place of ``selections``."""
    signature = inspect.signature(command, eval_str=True)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != "selections"
    ]
    added = [_option(group, name) for group in groups for name in _OPTIONS]
    return signature.replace(parameters=[*own, *added])


def _option(group: str, name: str) -> inspect.Parameter:
    kind, default, metavar, text = _OPTIONS[name]
    flag = f"--{group}-{name}" if group else f"--{name}"
    option = typer.Option(
        flag,
        metavar=metavar,
        rich_help_panel=SELECTION,
        show_default=False,
        help=f"--{name} of the {group} image alone." if group else text,
    )
    return inspect.Parameter(
        _parameter(group, name),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def _selections(
    images: Mapping[str, Path | None], chosen: Mapping[str, Mapping[str, Any]]
) -> dict[str, ImageSelection]:
    """Return the choice in each image; a choice for all must hold for one at least."""
    from regkit.io.selection import ImageSelection

    common = {name: value for name, value in chosen[""].items() if value}
    used: set[str] = set()
    selections = {}
    for role, image in images.items():
        fitting = {name: value for name, value in common.items() if _fits(name, image)}
        used |= set(fitting)
        own = {name: value for name, value in chosen.get(role, {}).items() if value}
        selections[role] = ImageSelection(**(fitting | own))
    for name in set(common) - used:
        where = "a folder of DICOM files" if name == "series" else "DICOM"
        raise typer.BadParameter(f"--{name} is given, but no image is {where}")
    return selections


def _fits(option: str, image: Path | None) -> bool:
    """Return whether an option for all images concerns one: series are chosen in folders."""
    from regkit.io.formats import is_dicom

    if image is None or not image.exists():
        return False
    return image.is_dir() or (option != "series" and is_dicom(image))
