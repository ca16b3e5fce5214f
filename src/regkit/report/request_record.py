"""The options of a registration in its record, and the request that a record stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError
from regkit.geometry.transform import AffineTransform
from regkit.io.selection import ImageSelection
from regkit.registration.request import Origin, RegistrationRequest
from regkit.report.record import Inputs, to_plain_data

# Stands for what was given in memory and no record can hold.
IN_MEMORY = "in memory"
# Fields of a request that the record has elsewhere.
ELSEWHERE = ("fixed", "moving", "fixed_mask", "moving_mask", "method")


def inputs_of(
    origin: Origin | None,
    run_id: str = "",
    outputs: Mapping[str, Any] | None = None,
    command: str = "",
    config: Mapping[str, Any] | None = None,
) -> Inputs:
    """Return the sources of a result, as records name them.

    Parameters
    ----------
    origin
        Request that the result answers; None if it is not known.
    run_id
        Digest of the run.
    outputs
        Options of the output, by name; those that are off or empty do not count.
    command
        Command line; empty for a registration from Python.
    config
        Options that a configuration file set; None for none.
    """
    if origin is None:
        return Inputs(run_id=run_id, command=command, config=config or {})
    request, files = origin.request, origin.request.files
    return Inputs(
        files.get("fixed"),
        files.get("moving"),
        origin.load_s,
        origin.init_s,
        files.get("fixed_mask"),
        files.get("moving_mask"),
        origin.init,
        origin.init_assumption,
        run_id,
        request.selections,
        request.fixed_roi,
        request.moving_roi,
        files.get("points"),
        init_file=files.get("init"),
        calibration=files.get("calibration"),
        options=options_of(request) | {k: v for k, v in (outputs or {}).items() if v},
        command=command,
        config=config or {},
    )


def options_of(request: RegistrationRequest) -> dict[str, Any]:
    """Return the options of a request that differ from the defaults, as plain data."""
    options: dict[str, Any] = {}
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if field.name in ELSEWHERE or value in (None, ""):
            continue
        if field.name == "selections":
            value = {role: chosen.as_data() for role, chosen in value.items() if chosen.as_data()}
        if value != field.default and not (isinstance(value, Mapping | tuple) and not value):
            options[field.name] = _plain(value)
    return options


def request_of(record: Mapping[str, Any], files: Mapping[str, Path]) -> RegistrationRequest:
    """Return the request that a record stands for.

    Points and a calibration that were given in memory are left out: they do not change the
    transform.

    Parameters
    ----------
    record
        Content of PREFIX.json.
    files
        Places of the inputs, by role.

    Raises
    ------
    FileFormatError
        The record holds no options, or something that was in memory and decides the result.
    """
    known = {field.name for field in dataclasses.fields(RegistrationRequest)}
    options = {name: value for name, value in record["options"].items() if name in known}
    for name in ("points", "calibration"):
        options.pop(name, None)
    if options.get("initial") == IN_MEMORY:
        raise FileFormatError(
            "the initial transform came from memory and is not linear; save it to a file, and "
            "register again with --init FILE"
        )
    if "initial" in options:
        options["initial"] = AffineTransform(options["initial"])
    if "init" in files:
        options["init"] = str(files["init"])
    options["selections"] = {
        role: ImageSelection(**chosen) for role, chosen in options.get("selections", {}).items()
    }
    options["witnesses"] = tuple(options.get("witnesses", ()))
    inputs = {role: path for role, path in files.items() if role != "init"}
    return RegistrationRequest(**{"method": record["method"], **options, **inputs})


def _plain(value: Any) -> Any:
    """Return an option as plain data; `IN_MEMORY` for what no record can hold."""
    if isinstance(value, AffineTransform):
        return value.matrix.tolist()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return IN_MEMORY
    return to_plain_data(value)
