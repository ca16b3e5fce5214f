"""Parameters, device, seed and threads of a method, as given on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MethodSettings:
    """Settings of the methods of one run.

    Parameters
    ----------
    assignments
        Parameters as ``KEY=VALUE`` or ``METHOD.KEY=VALUE``; they override those of the file.
    file
        TOML file of parameters.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    seed
        Seed of the methods' random numbers.
    threads
        Number of CPU threads; 0 for the default of each method.
    """

    assignments: Sequence[str] = ()
    file: Path | None = None
    device: str = "auto"
    seed: int = 0
    threads: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters that the methods must have.

        Raises
        ------
        ParameterError
            The file cannot be read, or an assignment has another form.
        """
        from regkit.registration.parameters import parse_assignment, read_parameters

        parameters = {} if self.file is None else read_parameters(self.file)
        parameters |= dict(parse_assignment(text) for text in self.assignments)
        return parameters

    @property
    def defaults(self) -> dict[str, Any]:
        """Parameters that apply to the methods that have them."""
        return {"seed": self.seed, "device": self.device, "threads": self.threads or None}

    def limit_threads(self) -> None:
        """Limit the threads of ITK; it reads the variable when it is first used."""
        if self.threads:
            # SimpleITK and ANTs, which bring an ITK each, both read it.
            os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(self.threads)
