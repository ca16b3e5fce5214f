"""The state of a training: network, optimizer, average of the weights, log; one step of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from regkit.errors import ParameterError
from regkit.learning.checkpoint import read_facts, read_tensors, write_checkpoint
from regkit.learning.distributed import DistributedContext
from regkit.learning.log import Row
from regkit.learning.optimizer import build_optimizer, learning_rate_at, update_ema
from regkit.learning.task import Task

B = TypeVar("B")


class Training(Generic[B]):
    """A network in training, with its optimizer and its log.

    Parameters
    ----------
    task
        Network, batches, loss and validation.
    context
        This process among those that train together.
    origin
        Facts that a resumed training must have in common with its checkpoint besides the
        configuration: method, data, initial weights.

    Raises
    ------
    ParameterError
        The batch cannot be divided among the processes.
    """

    def __init__(
        self,
        task: Task[B],
        context: DistributedContext,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        self.origin = dict(origin or {})
        self.config = config = task.config
        if config.batch_size % context.world_size:
            raise ParameterError(
                f"{context.world_size} processes cannot share a batch of {config.batch_size}"
            )
        self.task, self.context, self.device = task, context, task.device
        self.network = task.network.to(self.device)
        # A sixth to a quarter faster on a CPU, and no slower on a GPU.
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.network)
        self.optimizer = build_optimizer(config, self.network.parameters())
        self.global_step, self.seconds = 0, 0.0
        self.rows: list[Row] = []
        self.latest: Mapping[str, float] = {}
        self._losses: list[float] = []
        # The next batch is made while the network computes.
        self._loader = ThreadPoolExecutor(1)
        self._next: tuple[int, Future[B]] | None = None

    @property
    def ema_or_model(self) -> nn.Module:
        """The network that is validated and exported: the average, where there is one."""
        return self.ema if self.config.ema_decay else self.network

    def step(self) -> None:
        """Train on one batch; log and validate where that is due."""
        started = time.perf_counter()
        self._losses.append(self._update(self._batch()))
        self.global_step += 1
        self.seconds += time.perf_counter() - started
        is_last = self.global_step == self.config.steps
        row: dict[str, float] = {}
        loss = sum(self._losses) / len(self._losses)
        if is_last or self.global_step % self.config.log_every == 0:
            row |= {"step": self.global_step, "loss": loss}
            rate = learning_rate_at(self.config, self.global_step - 1)
            row |= {"learning_rate": rate, "seconds": self.seconds}
            self._losses = []
        validates = is_last or self.global_step % self.config.validate_every == 0
        if self.context.is_main and validates:
            row |= {"step": self.global_step, **self.task.validate(self.ema_or_model.eval())}
        if row:
            self.rows.append(row)
        shown = {k: row[k] for k in self.task.logged_metrics if k in row}
        self.latest = {**self.latest, **shown, "loss": loss}

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""
        facts = {
            "step": self.global_step,
            "seconds": self.seconds,
            "rows": self.rows,
            "losses": self._losses,
            "preset": self.config.to_json(),
            "origin": self.origin,
        }
        write_checkpoint(folder, self._networks, self.optimizer, facts)

    def restore(self, folder: Path) -> None:
        """Load the checkpoint of a folder.

        Raises
        ------
        ParameterError
            It is of another training.
        """
        facts = read_facts(folder)
        different = [*self._other_origin(facts), *self.config.differences(facts["preset"])]
        if different:
            raise ParameterError(
                f"{folder} holds another training ({', '.join(different)}); go on as it began, "
                "or choose another folder"
            )
        read_tensors(folder, self._networks, self.optimizer)
        self.global_step, self.seconds = int(facts["step"]), float(facts["seconds"])
        self.rows, self._losses = list(facts["rows"]), list(facts["losses"])

    def _other_origin(self, facts: Mapping[str, Any]) -> list[str]:
        """Return a phrase for each fact in which the checkpoint is of another origin."""
        there = facts.get("origin", self.origin)
        words = {"start": "other weights to begin from"}
        names = dict.fromkeys([*there, *self.origin])
        return [
            words.get(name) or f"{name} {there.get(name)}, not {self.origin.get(name)}"
            for name in names
            if there.get(name) != self.origin.get(name)
        ]

    @property
    def _networks(self) -> dict[str, nn.Module]:
        return {"network": self.network, "averaged": self.ema}

    def _batch(self) -> B:
        """Return this step's batch, and start making the next one."""
        ready, step = self._next, self.global_step
        future = ready[1] if ready and ready[0] == step else self._load(step)
        if step + 1 < self.config.steps:
            self._next = (step + 1, self._load(step + 1))
        return future.result()

    def _load(self, step: int) -> Future[B]:
        indices = range(self.context.rank, self.config.batch_size, self.context.world_size)
        return self._loader.submit(self.task.batch, step, indices)

    def _update(self, batch: B) -> float:
        """Update the weights; return the loss before."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.config, self.global_step)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        mixed = self.config.precision == "bfloat16" and self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
            loss = self.task.loss(batch, self.global_step)
        loss.backward()  # type: ignore[no-untyped-call]
        self.context.all_reduce_gradients(self.network)
        if self.config.grad_clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.grad_clip_norm)
        self.optimizer.step()
        if self.config.ema_decay:
            update_ema(self.ema, self.network, self.config.ema_decay, self.global_step)
        return self.context.all_reduce_mean(loss.item())
