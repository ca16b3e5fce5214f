"""Several processes that share every batch, as torchrun starts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed
from torch import nn

# One process prepares cases and validates while the others wait, which takes what it takes.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Crew:
    """A process among those that train together.

    Parameters
    ----------
    rank
        Its number; the first one writes all files.
    size
        How many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def assemble(cls, device: torch.device) -> Crew:
        """Meet the processes that torchrun started, if it did."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not torch.distributed.is_initialized():
            kind = "nccl" if device.type == "cuda" else "gloo"
            torch.distributed.init_process_group(kind, timeout=PATIENCE)
        return cls(torch.distributed.get_rank(), size)

    @property
    def writes(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            torch.distributed.barrier()

    def leave(self) -> None:
        """Say goodbye to the other processes."""
        if self.size > 1:
            torch.distributed.destroy_process_group()

    def share_gradients(self, network: nn.Module) -> None:
        """Replace gradients by their mean over all processes."""
        if self.size == 1:
            return
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def mean(self, value: float) -> float:
        """Return the mean of a number over all processes."""
        if self.size == 1:
            return value
        on_gpu = torch.distributed.get_backend() == "nccl"
        device = torch.cuda.current_device() if on_gpu else "cpu"
        shared = torch.tensor(value, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(shared)
        return float(shared) / self.size
