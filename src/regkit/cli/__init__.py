"""The command line. Importing it imports no command's work: commands import what they need."""

from __future__ import annotations

from typing import Annotated

import typer

from regkit.cli.benchmark import benchmark_command as benchmark_command
from regkit.cli.context import settings
from regkit.cli.demo import demo as demo_command
from regkit.cli.error_handling import ErrorHandlingGroup
from regkit.cli.listing import check_command, methods_command, plugins_command, show_command
from regkit.cli.register import register_command as register_command
from regkit.cli.reorient import reorient_command as reorient_command
from regkit.cli.report import report_command as report_command
from regkit.cli.resample import resample_command as resample_command
from regkit.cli.simulate import simulate_command as simulate_command
from regkit.cli.train import train_command as train_command
from regkit.cli.transform import app as transform_app
from regkit.cli.weights import app as weights_app

app = typer.Typer(
    name="regkit",
    cls=ErrorHandlingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("register")(register_command)
app.command("reorient")(reorient_command)
app.command("resample")(resample_command)
app.add_typer(transform_app, name="transform")
app.command("methods")(methods_command)
app.command("show")(show_command)
app.command("check")(check_command)
app.command("plugins")(plugins_command)
app.command("demo")(demo_command)
app.command("simulate")(simulate_command)
app.command("benchmark")(benchmark_command)
app.command("report")(report_command)
app.command("train")(train_command)
app.add_typer(weights_app, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        from regkit.version import installed_version

        typer.echo(f"regkit {installed_version()}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Use only what comes with regkit itself.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Align two 3-D medical images of one patient: SPECT or PET to CT, MR to CT, US to MR.

    A research tool, not a medical device.
    """
    settings.debug = debug
    settings.builtin_only = no_plugins
