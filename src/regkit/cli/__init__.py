"""The command line. Importing it imports nothing heavy: each command imports what it needs."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.batch import batch_command
from regkit.cli.benchmark import benchmark_command
from regkit.cli.calibrate import calibrate_command
from regkit.cli.check import check_command
from regkit.cli.check_alignment import check_alignment_command
from regkit.cli.colors import echo
from regkit.cli.command import (
    LogLevel,
    Quiet,
    Verbose,
    add_command,
    choose_log_level,
    use_config,
)
from regkit.cli.context import settings
from regkit.cli.demo import demo_command
from regkit.cli.explain import explain_command
from regkit.cli.listing import methods_command, plugins_command
from regkit.cli.plugin_commands import PluginCommandsGroup
from regkit.cli.register import register_command
from regkit.cli.reorient import reorient_command
from regkit.cli.replay import replay_command
from regkit.cli.report import report_command
from regkit.cli.resample import resample_command
from regkit.cli.selftest import selftest_command
from regkit.cli.show import show_command
from regkit.cli.simulate import simulate_command
from regkit.cli.train import train_command
from regkit.cli.transform import app as transform_app
from regkit.cli.weights import app as weights_app

# Commands that end before what they no longer use fills the memory; see `regkit.__main__`.
SHORT = ("register", "reorient", "resample", "transform", "methods", "show", "plugins")
IMAGES, PLUGINS, EVALUATION, LEARNING = "Images", "Plugins", "Evaluation", "Learning"
EPILOG = (
    "Documentation: README.md and the folder docs of the source; `make docs` there renders it to "
    "docs/_build/html/index.html."
)

app = typer.Typer(
    name="regkit",
    cls=PluginCommandsGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
add_command(app, "register", rich_help_panel=IMAGES)(register_command)
add_command(app, "batch", rich_help_panel=IMAGES)(batch_command)
add_command(app, "check-alignment", rich_help_panel=IMAGES)(check_alignment_command)
add_command(app, "reorient", rich_help_panel=IMAGES)(reorient_command)
add_command(app, "resample", rich_help_panel=IMAGES)(resample_command)
app.add_typer(transform_app, name="transform", rich_help_panel=IMAGES)
add_command(app, "replay", rich_help_panel=IMAGES)(replay_command)
add_command(app, "explain", rich_help_panel=IMAGES)(explain_command)
add_command(app, "demo", rich_help_panel=IMAGES)(demo_command)
add_command(app, "methods", rich_help_panel=PLUGINS)(methods_command)
add_command(app, "show", rich_help_panel=PLUGINS)(show_command)
add_command(app, "check", rich_help_panel=PLUGINS)(check_command)
add_command(app, "plugins", rich_help_panel=PLUGINS)(plugins_command)
add_command(app, "simulate", rich_help_panel=EVALUATION)(simulate_command)
add_command(app, "benchmark", rich_help_panel=EVALUATION)(benchmark_command)
add_command(app, "selftest", rich_help_panel=EVALUATION)(selftest_command)
add_command(app, "calibrate", rich_help_panel=EVALUATION)(calibrate_command)
add_command(app, "report", rich_help_panel=EVALUATION)(report_command)
add_command(app, "train", rich_help_panel=LEARNING)(train_command)
app.add_typer(weights_app, name="weights", rich_help_panel=LEARNING)


def _print_version(requested: bool) -> None:
    if requested:
        from regkit.version import installed_version

        echo(f"regkit {installed_version()}")
        raise typer.Exit


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
NoPlugins = Annotated[
    bool, typer.Option("--no-plugins", help="Leave out the plugins of other packages.")
]
AllowOutside = Annotated[
    bool,
    typer.Option(
        "--allow-outside",
        help="Also read files that headers and dataset.json name in other folders than theirs.",
    ),
]
Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
]


AllConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        callback=use_config,
        is_eager=True,
        help="Take options of all commands from a TOML file; those on the command line win. "
        "Default: regkit.toml in the working folder, if there is one.",
    ),
]


@app.callback()
def options(
    context: typer.Context,
    debug: Debug = False,
    no_plugins: NoPlugins = False,
    allow_outside: AllowOutside = False,
    config_file: AllConfig = None,  # noqa: ARG001 - its callback acts on it
    quiet: Quiet = False,
    verbose: Verbose = 0,
    log_level: LogLevel = "",
    version: Version = False,  # noqa: ARG001 - its callback acts on it
) -> None:
    """Register 3-D medical images of one patient: SPECT or PET to CT, MR to CT, US to MR.

    For research only; not a medical device.

    Exit codes: 0 done; 1 error; 2 wrong usage; 3 done, but the verdict on the result is FAIL.
    """
    if context.invoked_subcommand not in SHORT:
        gc.enable()
    settings.debug = debug
    settings.builtin_only = no_plugins
    settings.quiet, settings.verbose, settings.log_level = False, 0, ""
    choose_log_level(quiet, verbose, log_level)
    if allow_outside:
        from regkit.io.limits import ALLOW_OUTSIDE

        os.environ[ALLOW_OUTSIDE] = "1"  # which worker processes inherit
    if no_plugins:
        from regkit.registry import leave_out_plugins

        context.with_resource(leave_out_plugins())
