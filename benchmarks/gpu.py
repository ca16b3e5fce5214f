"""Measure the gain of a GPU: dense metrics, batches of starts, the SPECT projector.

    python benchmarks/gpu.py [PART ...] [--device cuda] [--size 256] [--batch-size 64]
                             [--starts 512] [--views 60] [--runs 20] [--out FILE.jsonl]

Needs torch only. PARTs, all by default:

- measures: value and gradient of each with every voxel as a sample point. `floor_s` is the time to
  read both images twice at the bandwidth of a copy on the same device, measured first.
- starts: so many maps in one batch beside one map.
- losses: the published ones, forward and backward.
- projector: one projection of all views beside the CPU of the same machine with all its threads.
- compiled: value and gradient through torch.compile, checked against the plain ones.

Seconds are medians after two warming runs; memory is what the device holds at most beyond both
images. Lines go to benchmarks/results/gpu.jsonl.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import records
from regkit.geometry.grid import Grid
from regkit_instance.torch_backend import point_sampler as looking
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import (
    BatchMeasure,
    gradient_field_measure,
    point_metric,
)
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.reference_cr import (
    correlation_ratio_loss,
    local_correlation_ratio_loss,
)
from regkit_instance.torch_backend.reference_mi import mutual_information_loss
from regkit_instance.torch_backend.tiles import tiles
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.projector import Projector

BINS, PATCH = 32, 8
MEASURES = ("mi", "nmi", "cr", "lncc", "local-cr", "ngf")
BYTES_READ_TWICE = 16  # a voxel of either image, four bytes, twice


def image(size: int, device: torch.device, seed: int) -> Tensor:
    """Return a smooth random image (size, size, size) in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 1, 12, 12, 12), generator=generator)
    fine = functional.interpolate(coarse, size=[size] * 3, mode="trilinear", align_corners=True)
    return fine[0, 0].to(device)


def scene(size: int, device: torch.device) -> tuple[PointSampler, Tensor]:
    """Return a scene whose points are all voxels, patch by patch, and their fixed values."""
    moving = functional.pad(image(size, device, 1)[None, None], [1] * 6, mode="replicate")[0]
    axis = torch.arange(size, device=device, dtype=torch.float32) - (size - 1) / 2
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flip(0)
    to_index = torch.eye(3, dtype=torch.float64).flip(0)
    shift = torch.full((3, 1), (size + 1) / 2, dtype=torch.float64)
    where = PointSampler(
        tiles(places, PATCH).reshape(1, 3, -1),
        moving,
        torch.cat([to_index, shift], dim=1)[None].to(device),
    )
    return where, tiles(image(size, device, 0), PATCH).reshape(1, -1)


def measure(name: str, where: PointSampler, fixed: Tensor) -> BatchMeasure:
    if name == "ngf":
        slopes = torch.rand(where.points.shape, device=fixed.device)
        return gradient_field_measure(where, slopes)
    whole = PATCH**3 if name in ("lncc", "local-cr") else 1
    return DenseMeasure(where, point_metric(name, fixed, BINS, whole))


def maps(count: int, device: torch.device) -> Tensor:
    """Return maps (1, count, 3, 4) near the identity."""
    generator = torch.Generator().manual_seed(0)
    away = torch.randn((1, count, 3, 4), generator=generator, dtype=torch.float64)
    return (torch.eye(3, 4, dtype=torch.float64) + 0.02 * away).to(device)


def seconds(work: Callable[[], Any], device: torch.device, runs: int) -> float:
    """Return the median wall time of a function, its kernels included."""
    taken = []
    for _ in range(runs + 2):
        synchronise(device)
        started = time.perf_counter()
        work()
        synchronise(device)
        taken.append(time.perf_counter() - started)
    return median(taken[2:])


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def extra_bytes(work: Callable[[], Any], device: torch.device) -> int | None:
    """Return the peak memory of a function above that before it; CUDA only."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return torch.cuda.max_memory_allocated(device) - before


def bandwidth(device: torch.device, size: int, runs: int) -> float:
    """Return the bytes per second, read and written, of copying eight images of this size."""
    source = torch.ones(8 * size**3, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source), device, runs)


def measures(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    rate = bandwidth(device, options.size, options.runs)
    yield {"what": "copy", "bytes_per_s": rate}
    floor = BYTES_READ_TWICE * options.size**3 / rate
    where, fixed = scene(options.size, device)
    at = maps(1, device)
    for name in MEASURES:
        judge = measure(name, where, fixed)
        value, both = (
            seconds(partial(run, at), device, options.runs)
            for run in (judge.values, judge.values_and_gradients)
        )
        extra = extra_bytes(partial(judge.values_and_gradients, at), device)
        yield {
            "what": "measure",
            "measure": name,
            "size": options.size,
            "value_s": value,
            "value_and_gradient_s": both,
            "floor_s": floor,
            "times_floor": round(both / floor, 1),
            "extra_in_images": None if extra is None else round(extra / (8 * options.size**3), 2),
        }


def compiled(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """Compile a function with torch.compile and check its result against the original."""
    looking.BATCH_VALUES[device.type] = options.size**3
    where, fixed = scene(options.size, device)
    at = maps(1, device)
    for name in ("mi", "cr"):
        plain = measure(name, where, fixed).values_and_gradients
        fused = torch.compile(plain)
        started = time.perf_counter()
        expected, found = plain(at), fused(at)
        synchronise(device)
        compile_s = time.perf_counter() - started
        slow, fast = (seconds(partial(run, at), device, options.runs) for run in (plain, fused))
        yield {
            "what": "compiled",
            "measure": name,
            "size": options.size,
            "compile_s": round(compile_s, 1),
            "plain_s": slow,
            "compiled_s": fast,
            "value_apart": float((found[0] - expected[0]).abs().max()),
            "gradient_apart": float((found[1] - expected[1]).abs().max()),
        }


def starts(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    where, fixed = scene(options.batch_size, device)
    few = torch.randperm(fixed.shape[1], generator=torch.Generator().manual_seed(0))[:20_000]
    sampled = PointSampler(where.points[:, :, few.to(device)], where.moving, where.to_index)
    for sample, (part, values) in {
        "all voxels": (where, fixed),
        "20000 points": (sampled, fixed[:, few.to(device)]),
    }.items():
        for name in ("mi", "cr"):
            judge = measure(name, part, values)
            one, many = (
                seconds(partial(judge.values_and_gradients, at), device, options.runs)
                for at in (maps(1, device), maps(options.starts, device))
            )
            yield {
                "what": "starts",
                "measure": name,
                "size": options.batch_size,
                "sample": sample,
                "starts": options.starts,
                "one_s": one,
                "all_s": many,
                "ratio": round(many / one, 2),
            }


def forward_and_backward(
    loss: Callable[[Tensor, Tensor], Tensor], moving: Tensor, fixed: Tensor
) -> None:
    moving.grad = None
    loss(moving, fixed).backward()


def losses(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    size = options.size // 2
    fixed, moving = (image(size, device, seed)[None, None] for seed in (0, 1))
    moving.requires_grad_()
    for loss in (correlation_ratio_loss, local_correlation_ratio_loss, mutual_information_loss):
        step = partial(forward_and_backward, loss, moving, fixed)
        yield {
            "what": "loss",
            "loss": loss.__name__,
            "size": size,
            "forward_and_backward_s": seconds(step, device, options.runs),
            "extra_bytes": extra_bytes(step, device),
        }


def projector(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    size = options.batch_size * 2
    grid = Grid((size // 2, size, size), (3.4, 3.4, 3.4))
    taken = {}
    for where in (torch.device("cpu"), device):
        activity = image(size, where, 0)[None, : size // 2]
        mu = 0.15 * image(size, where, 1)[None, : size // 2]
        camera = Projector(grid, Orbit.cardiac(options.views), device=where).attenuated_by(mu)
        runs = 1 if where.type == "cpu" else options.runs
        taken[where] = (
            seconds(partial(camera.forward, activity), where, runs),
            camera.forward(activity).cpu(),
        )
    (cpu_s, expected), (device_s, found) = taken[torch.device("cpu")], taken[device]
    yield {
        "what": "projector",
        "shape": list(grid.shape_zyx),
        "views": options.views,
        "cpu_s": cpu_s,
        "cpu_threads": torch.get_num_threads(),
        "device_s": device_s,
        "speed_up": round(cpu_s / device_s, 1),
        "largest_difference": float((found - expected).abs().max() / expected.abs().max()),
    }


PARTS = {
    "measures": measures,
    "starts": starts,
    "losses": losses,
    "projector": projector,
    "compiled": compiled,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--starts", type=int, default=512)
    parser.add_argument("--views", type=int, default=60)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu.jsonl"))
    options = parser.parse_args()
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    for part in options.parts:
        for record in PARTS[part](options, device):
            line = {"device": name, "torch": torch.__version__, **record}
            print(line, flush=True)
            records.append(options.out, line)


if __name__ == "__main__":
    main()
