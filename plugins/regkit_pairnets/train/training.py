"""One training as it goes on: a step, its place in the curve, its state."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regkit.errors import ParameterError
from regkit.transform import IDENTITY
from regkit_pairnets.catalogue import build_network
from regkit_pairnets.contrastive import info_nce
from regkit_pairnets.networks.attention_reg import AttentionReg
from regkit_pairnets.networks.initialise import fan_in_normal
from regkit_pairnets.networks.pair_network import PairNetwork
from regkit_pairnets.train.checkpoint import read_checkpoint, write_checkpoint
from regkit_pairnets.train.draws import Draw, draw
from regkit_pairnets.train.log import Row
from regkit_pairnets.train.optimisation import LOSSES, average, build_optimiser, rate_at
from regkit_pairnets.train.preset import Preset
from regkit_pairnets.train.processes import Crew
from regkit_pairnets.train.validation import fixed_draws, validate
from regkit_pairnets.train.views import Batch, Views


class Training:
    """A network, its optimiser and its curve.

    Parameters
    ----------
    method
        Name of the network.
    views, held_out
        Of the cases to learn from, with all choices, and to validate with.
    device
        Where to compute.
    crew
        The processes that share each batch.

    Raises
    ------
    ParameterError
        The choices do not fit the network or the processes.
    """

    def __init__(
        self,
        method: str,
        views: Views,
        held_out: Views,
        device: torch.device,
        crew: Crew,
    ) -> None:
        preset = views.preset
        if preset.batch % crew.size:
            raise ParameterError(f"{crew.size} processes cannot share a batch of {preset.batch}")
        self.preset, self.views, self.held_out = preset, views, held_out
        self.device, self.crew = device, crew
        self.network = _build(method, preset, views).to(device)
        # A sixth to a quarter faster on a CPU, and no slower on a GPU.
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        if preset.contrastive_steps and not isinstance(self.network, AttentionReg):
            raise ParameterError(f"{method} has no contrastive pre-training; set its steps to 0")
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = build_optimiser(preset, self.network.parameters())
        self.validation = fixed_draws(preset, held_out)
        self.step, self.seconds = 0, 0.0
        self.rows: list[Row] = []
        self.latest: Mapping[str, float] = {}
        self._losses: list[float] = []
        # The next batch is made while the network computes.
        self._maker = ThreadPoolExecutor(1)
        self._next: tuple[int, Future[Batch]] | None = None

    @property
    def kept(self) -> nn.Module:
        """The network that training is for: the average, where there is one."""
        return self.averaged if self.preset.average else self.network

    def advance(self) -> None:
        """Do one step, and what is due after it."""
        started = time.perf_counter()
        self._losses.append(self._learn(self._batch()))
        self.step += 1
        self.seconds += time.perf_counter() - started
        is_last = self.step == self.preset.steps
        row: dict[str, float] = {}
        if is_last or self.step % self.preset.log_every == 0:
            row |= {"step": self.step, "loss": sum(self._losses) / len(self._losses)}
            row |= {"rate": rate_at(self.preset, self.step - 1), "seconds": self.seconds}
            self._losses = []
        if self.crew.writes and (is_last or self.step % self.preset.validate_every == 0):
            scores = validate(self.kept, self.held_out, self.validation, self.device)
            row |= {"step": self.step, **scores}
        if row:
            self.rows.append(row)
            shown = ("loss", "dt_mm", "dr_deg")
            self.latest = {**self.latest, **{k: row[k] for k in shown if k in row}}

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""
        facts = {
            "step": self.step,
            "seconds": self.seconds,
            "rows": self.rows,
            "losses": self._losses,
            "preset": plain(self.preset),
        }
        write_checkpoint(folder, self._networks, self.optimiser, facts)

    def restore(self, folder: Path) -> dict[str, Any]:
        """Go back to the checkpoint of a folder; return what it says."""
        facts = read_checkpoint(folder, self._networks, self.optimiser)
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])
        self.rows, self._losses = list(facts["rows"]), list(facts["losses"])
        return facts

    @property
    def _networks(self) -> dict[str, nn.Module]:
        return {"network": self.network, "averaged": self.averaged}

    def _batch(self) -> Batch:
        """Return this step's batch, and have the next one begun."""
        ready = self._next
        future = ready[1] if ready and ready[0] == self.step else self._begin(self.step)
        if self.step + 1 < self.preset.steps:
            self._next = (self.step + 1, self._begin(self.step + 1))
        return future.result()

    def _begin(self, step: int) -> Future[Batch]:
        return self._maker.submit(lambda: self.views.batch(self._draws(step)))

    def _draws(self, step: int) -> list[Draw]:
        """Return this process's share of a step's cases."""
        places = range(self.crew.rank, self.preset.batch, self.crew.size)
        seeds = ((self.preset.seed, step, place) for place in places)
        draws = [draw(self.preset, self.views.cases, self.views.grid, seed) for seed in seeds]
        if step < self.preset.contrastive_steps:  # which needs pairs that are aligned
            draws = [dataclasses.replace(d, motion=IDENTITY, slab=None) for d in draws]
        return draws

    def _learn(self, batch: Batch) -> float:
        """Change the weights a little; return the loss before."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.preset, self.step)
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        mixed = self.preset.precision == "bfloat16" and self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
            loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.crew.share_gradients(self.network)
        if self.preset.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.preset.clip)
        self.optimiser.step()
        if self.preset.average:
            average(self.averaged, self.network, self.preset.average, self.step)
        return self.crew.mean(loss.item())

    def _loss(self, batch: Batch) -> Tensor:
        first, second = (self._placed(image) for image in (batch.first, batch.second))
        if self.step < self.preset.contrastive_steps:
            assert isinstance(self.network, AttentionReg)  # noqa: S101 - as was checked
            source = torch.Generator(self.device).manual_seed(self.step)
            return info_nce(*self.network.features(first, second), generator=source)
        numbers = self.network(first, second).float()
        return LOSSES[self.preset.loss](numbers, batch.target.to(self.device))

    def _placed(self, image: Tensor) -> Tensor:
        return image.to(self.device).contiguous(memory_format=torch.channels_last_3d)


def plain(preset: Preset) -> dict[str, Any]:
    """Return all choices as JSON would give them back."""
    return dict(json.loads(json.dumps(dataclasses.asdict(preset))))


def _build(method: str, preset: Preset, views: Views) -> PairNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.seed)
        network = build_network(method, preset.numbers.shape(views.grid), **preset.switches)
        if preset.initialise == "fan-in":
            fan_in_normal(network)
    return network
