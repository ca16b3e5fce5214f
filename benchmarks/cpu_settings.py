"""Run the numerical tests under every CPU setting, and print where they pass.

    python benchmarks/cpu_settings.py [--list] [--only WORD ...] [TEST ...]

PyTorch, oneDNN, MKL, OpenBLAS, NumPy and Numba choose their loops by the CPU they run on, and
split them by the number of threads. Each setting limits one of them to the instructions of an
older CPU, or all of them together, or sets the number of threads; no setting can offer more than
the CPU has. Tests that pass under all of them state tolerances that hold on any x86-64 CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[1]
# Where two computations are said to agree, exactly or to a tolerance, and published numbers.
TESTS = (
    "tests/instance/test_dense.py",
    "tests/instance/test_dense_paper.py",
    "tests/instance/test_dense_references.py",
    "tests/instance/test_kernels.py",
    "tests/instance/test_points.py",
    "tests/instance/test_search.py",
    "tests/instance/test_stretch_prior.py",
    "tests/instance/test_fast.py::test_results_are_exactly_equal_with_any_number_of_threads",
    "tests/instance/test_iso.py::test_two_measures_together_are_their_sum",
    "tests/learning/test_grid_sampling.py",
    "tests/msstunet/test_ms_networks.py",
    "tests/nuclear/test_spect_projector.py",
    "tests/nuclear/test_spect_threads.py",
    "tests/nuclear/test_wholebody.py::test_a_seed_means_the_same_patient_on_every_machine",
    "tests/nuclear/test_wholebody.py::test_each_scan_alone_is_that_of_both",
    "tests/nuclear/test_prostate.py::test_a_seed_means_the_same_patient_on_every_machine",
    "tests/nuclear/test_thorax_rendering.py::test_a_patient_stays_as_it_was_drawn_first",
    "tests/pairnets/test_convolution.py",
    "tests/pairnets/test_forward.py",
    "tests/pairnets/test_views.py",
    "tests/pairnets/test_training.py::test_a_training_that_goes_on_is_the_same",
    "tests/plugins/test_mi.py::test_by_default_the_answer_is_the_same_to_the_last_digit",
    "tests/transmorph/test_losses.py",
    "tests/transmorph/test_networks.py::test_what_comes_first_is_the_moving_image",
    "tests/transmorph/test_networks.py::test_published_forward_values",
    "tests/transmorph/test_training_transmorph.py::test_a_training_that_goes_on_is_the_same",
)
Environment = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "tests", nargs="*", default=TESTS, help="instead of the list of the script"
    )
    parser.add_argument(
        "--only", nargs="+", help="settings whose name contains one of these words"
    )
    parser.add_argument("--list", action="store_true", help="print the settings and stop")
    options = parser.parse_args()
    chosen = {
        name: environment
        for name, environment in settings().items()
        if not options.only or any(word in name for word in options.only)
    }
    if options.list:
        for name, environment in chosen.items():
            print(f"{name:22s}", *(f"{key}={value}" for key, value in environment.items()))
        return
    passed = [run(name, environment, options.tests) for name, environment in chosen.items()]
    sys.exit(not all(passed))


def settings() -> dict[str, Environment]:
    """Return the environment variables of each setting."""
    single = {
        **choices("torch", "ATEN_CPU_CAPABILITY", "default avx2 avx512"),
        **choices("onednn", "ONEDNN_MAX_CPU_ISA", "SSE41 AVX2 AVX512_CORE"),
        **choices("mkl", "MKL_ENABLE_INSTRUCTIONS", "SSE4_2 AVX2 AVX512"),
        **choices("openblas", "OPENBLAS_CORETYPE", "Prescott Haswell SkylakeX"),
        "numpy baseline": numpy_without(""),
        "numpy avx2": numpy_without("AVX512"),
        "numba generic": {"NUMBA_CPU_NAME": "generic"},
        "numba avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
    }
    oldest = "torch default, onednn SSE41, mkl SSE4_2, openblas Prescott, numpy baseline"
    middle = "torch avx2, onednn AVX2, mkl AVX2, openblas Haswell, numpy avx2, numba avx2"
    return {
        "as it is": {},
        "all oldest": together(single, f"{oldest}, numba generic"),
        "all avx2": together(single, middle),
        **single,
        **{f"threads {count}": threads(count) for count in (1, 2, 4)},
    }


def choices(library: str, variable: str, values: str) -> dict[str, Environment]:
    """Return a setting for each value of an environment variable."""
    return {f"{library} {value}": {variable: value} for value in values.split()}


def together(single: dict[str, Environment], names: str) -> Environment:
    """Return the environment variables of several settings."""
    return {key: value for name in names.split(", ") for key, value in single[name].items()}


def numpy_without(prefix: str) -> Environment:
    """Return a setting that hides those instructions of this CPU that begin with `prefix`."""
    names = [n for n in __cpu_dispatch__ if n.startswith(prefix) and __cpu_features__[n]]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(names)}


def threads(count: int) -> Environment:
    """Return a setting with so many threads in every library; torch follows OMP_NUM_THREADS."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    return {f"{name}_NUM_THREADS": str(count) for name in names} | {
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(count)
    }


def run(name: str, environment: Environment, tests: list[str]) -> bool:
    """Run the tests under a setting, print a line, and return whether all passed."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
    command += ["-m", "not slow and not gpu", *tests]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        # Loops compiled for another CPU are kept apart from those of this one.
        own = {"NUMBA_CACHE_DIR": cache} if "NUMBA_CPU_NAME" in environment else {}
        environment = {**os.environ, **environment, **own}
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
    lines = ended.stdout.splitlines() or ended.stderr.splitlines() or ["no output"]
    verdict = "passed" if ended.returncode == 0 else "FAILED"
    seconds = time.perf_counter() - started
    print(f"{name:22s} {verdict}  {lines[-1].strip('= ')} ({seconds:.0f} s)", flush=True)
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(f"    {line}", flush=True)
    return ended.returncode == 0


if __name__ == "__main__":
    main()
