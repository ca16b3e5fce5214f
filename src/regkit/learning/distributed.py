"""Training in several processes that torchrun starts, each with a part of every batch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed
from torch import nn

# The other processes wait while one preprocesses cases or validates, for as long as that takes.
TIMEOUT = timedelta(days=7)


@dataclass(frozen=True)
class DistributedContext:
    """The rank of this process, and the number of processes that train together.

    Parameters
    ----------
    rank
        Number of this process; 0 is the main one, which writes all files.
    world_size
        Number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @classmethod
    def init(cls, device: torch.device) -> DistributedContext:
        """Join the process group if torchrun started several processes."""
        world_size = int(os.environ.get("WORLD_SIZE", "1"))
        if world_size == 1:
            return cls()
        if not torch.distributed.is_initialized():
            backend = "nccl" if device.type == "cuda" else "gloo"
            torch.distributed.init_process_group(backend, timeout=TIMEOUT)
        return cls(torch.distributed.get_rank(), world_size)

    @property
    def is_main(self) -> bool:
        """True for the process that writes files, preprocesses cases and validates."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        if self.world_size > 1:
            torch.distributed.barrier()

    def shutdown(self) -> None:
        """Destroy the process group."""
        if self.world_size > 1:
            torch.distributed.destroy_process_group()

    def all_reduce_gradients(self, network: nn.Module) -> None:
        """Replace the gradients of a network by their mean over all processes."""
        if self.world_size == 1:
            return
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= self.world_size

    def all_reduce_mean(self, value: float) -> float:
        """Return the mean of a number over all processes."""
        if self.world_size == 1:
            return value
        on_gpu = torch.distributed.get_backend() == "nccl"
        device = torch.cuda.current_device() if on_gpu else "cpu"
        total = torch.tensor(value, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(total)
        return float(total) / self.world_size
