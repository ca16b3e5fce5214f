"""What starting regkit imports, and what it must not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from regkit import Grid, write_volume
from regkit.datasets.folder import write_dataset
from regkit.testing.declaration_checks import HEAVY
from regkit.testing.phantom import thorax

pytestmark = pytest.mark.end_to_end

PROBE = """
import sys
from regkit.__main__ import main
sys.argv = ["regkit", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def imported_by(*arguments: str) -> tuple[str, set[str]]:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True
    )
    last = probe.stderr.splitlines()[-1]
    assert last.startswith("imported: ")
    return probe.stdout, set(last.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--help"], "register"),
        (["register", "--help"], "--method"),
        (["check", "--help"], "contract"),
        (["methods"], "identity"),
        (["methods", "--json"], "edge-shift"),
        (["plugins"], "regkit-imaging"),
        (["--no-plugins", "methods"], "identity"),
    ],
)
def test_starting_imports_nothing_heavy(arguments: list[str], says: str) -> None:
    stdout, imported = imported_by(*arguments)
    assert says in stdout
    assert imported & set(HEAVY) == set()


def test_importing_regkit_imports_nothing_heavy() -> None:
    code = "import sys, regkit, regkit.plugin, regkit.registry; print(*sys.modules)"
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {name.partition(".")[0] for name in probe.stdout.split()} & set(HEAVY) == set()


def test_the_probe_sees_what_is_imported() -> None:
    """Showing a method imports its code; were this not seen, the tests above would be blind."""
    _, imported = imported_by("show", "identity")
    assert "numpy" in imported


def test_importing_regkit_for_an_image_needs_no_optional_package() -> None:
    code = "import sys; from regkit import Volume, Grid, Pair, rigid; print(*sys.modules)"
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in probe.stdout.split()}
    assert imported & {"torch", "ants", "SimpleITK", "matplotlib", "nibabel", "pydicom"} == set()


REGISTER_PROBE = """
import sys
from regkit.__main__ import main
sys.argv = ["regkit", "register", *sys.argv[1:], "--force"]
try:
    main()
except SystemExit:
    pass
print("imported:", *sorted(sys.modules))
"""
NOT_TO_REGISTER = {
    *("rich", "SimpleITK", "nibabel", "pydicom", "torch", "skimage", "unittest", "jinja2"),
    # Of numba and SciPy only what runs compiled loops, not what compiles them.
    *("scipy.linalg", "scipy.special", "scipy.spatial", "scipy.ndimage"),
    *("numba.np.arrayobj", "numba.np.arraymath", "numba.np.npyimpl"),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["auto", "iso"])
def test_registering_files_imports_only_what_it_uses(
    one_case: Path, tmp_path: Path, method: str
) -> None:
    images = [str(one_case / name) for name in ("fixed.nii.gz", "moving.nii.gz")]
    modalities = ["--fixed-modality=pet", "--moving-modality=ct"]
    arguments = [*images, *modalities, "-m", method, "-o", f"{tmp_path}/out"]
    command = [sys.executable, "-c", REGISTER_PROBE, *arguments]
    for _ in range(2):  # the first run compiles what was never used before
        probe = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (tmp_path / "out.png").exists()
    imported = set(probe.stdout.splitlines()[-1].split())
    assert imported & NOT_TO_REGISTER == set()


WORKER_PROBE = """
import json, sys
from pathlib import Path
import regkit.benchmark.worker
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.handover import hand_pair
from regkit.benchmark.method_runner import MethodRunner
from regkit.benchmark.plan import Method, Plan
from regkit.registry import default_registry
folder, method = sys.argv[1:]
runner = MethodRunner(Plan(DatasetRef(folder), ()), Method(method, method))
ready = sorted(sys.modules)
pair = DatasetRef(folder).open(default_registry()).case_of(0, "one").pair
hand_pair(pair, Path(folder))
facts = runner.run(0, "one", folder, lambda **_: None)
print(json.dumps({"ready": ready, "done": sorted(sys.modules), "status": facts["status"]}))
"""


@pytest.fixture(scope="module")
def one_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    grid = Grid((16, 14, 16), (24.0, 24.0, 24.0), (-180.0, -160.0, -180.0))
    for name, modality in (("fixed.nii.gz", "pet"), ("moving.nii.gz", "ct")):
        write_volume(thorax(grid, modality), folder / name)
    write_dataset(
        folder, "one", [{"id": "one", "fixed": "fixed.nii.gz", "moving": "moving.nii.gz"}]
    )
    return folder


@pytest.mark.parametrize("method", ["identity", "moments"])
def test_a_benchmark_worker_imports_what_its_method_and_its_case_need(
    one_case: Path, method: str
) -> None:
    """Metrics that reconstruct, or read labels, load what they need where a case has it.

    The verdict and resampling are compiled, so that every case needs numba.
    """
    command = [sys.executable, "-c", WORKER_PROBE, str(one_case), method]
    probe = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(probe.stdout.splitlines()[-1])
    assert told["status"] == "ok"
    heavy = {"torch", "ants", "itk", "matplotlib", "skimage"}
    assert heavy & set(told["done"]) == set()
    for_files_and_scores = {"numba", "scipy.ndimage", "scipy.interpolate", "nibabel", "pydicom"}
    assert for_files_and_scores & set(told["ready"]) == set()
