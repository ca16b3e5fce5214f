"""What the script that trains networks alike makes of its records, and what it trains."""

from pathlib import Path

import numpy as np
import pytest

import like_for_like
import regkit_pairnets
import regkit_transmorph
from regkit.learning import read_training_config
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit_pairnets.train.config import PairNetConfig
from regkit_transmorph.train.config import TransMorphConfig

CONFIGS = {
    "dusfe": (PairNetConfig, regkit_pairnets.__name__),
    "transmorph": (TransMorphConfig, regkit_transmorph.__name__),
}
# What is a network's own: DVNet has neither normalisation nor blocks, the two of TransMorph differ
# in their measure.
OWN = {"dusfe": {"norm", "space_to_depth"}, "transmorph": {"measure"}}


def runs(network, errors, *, seed=None, looks=None):
    """Return a record of each patient, with a tenth of the errors as rotation."""
    about = {"family": "dusfe", "network": network}
    if seed is not None:
        about |= {"seed": seed, "steps": 5, "looks": looks, "parameters": 1234, "patients": 40}
        about |= {"draws": 20, "width": 0.25, "cpu_s": 60.0 * (seed + 1)}
    for at, error in enumerate(errors):
        scores = {"dt_mm": error, "dr_deg": error / 10}
        yield {**about, "case": f"c{at}", "patient": f"p{at}", "scores": scores}


def cells(found):
    """Return the cells of the only table, row by row."""
    lines = like_for_like.tables(found).splitlines()
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(split[0], row, strict=True)) for row in split[2:]]


def test_the_table_has_means_over_seeds_and_tests_by_patient():
    base = np.arange(6.0)
    found = [*runs("mi", base + 9), *runs("dvnet", base + 2, seed=0, looks=3)]
    found += runs("dvnet", base + 4, seed=1, looks=3)
    for seed in (0, 1):
        found += runs("dusfe", base + seed, seed=seed, looks=3)
        found += runs("dusfe", base + 5, seed=seed, looks=1)
    once, dvnet, dusfe, mi = cells(found)
    assert (once["network"], once["looks"], once["dT mm"]) == ("`dusfe`", "1", "7.50 ± 0.00")
    # Mean of 0 to 5 is 2.5; the seeds' means are 4.5 and 6.5, whose SD is the square root of 2.
    assert dvnet["dT mm"] == "5.50 ± 1.41"
    assert dvnet["dR degrees"] == "0.55 ± 0.14"
    assert (dvnet["parameters"], dvnet["seeds"], dvnet["cases"]) == ("1,234", "2", "6")
    assert dvnet["CPU min each"] == "1.5"
    # All six patients agree: 2 of the 64 patterns of signs; two comparisons, so twice as much.
    assert dvnet["p, dT mm"] == mi["p, dT mm"] == "0.062"
    assert dusfe["p, dT mm"] == once["p, dT mm"] == "-"
    assert (mi["network"], mi["looks"], mi["dT mm"]) == ("`mi`", "-", "11.50")


def test_only_patients_that_both_have_are_compared():
    found = [*runs("mi", np.arange(8.0) + 9), *runs("dusfe", np.arange(5.0), seed=0, looks=3)]
    _, mi = cells(found)
    assert (mi["cases"], mi["p, dT mm"]) == ("8", "0.062")


@pytest.mark.parametrize("family", like_for_like.FAMILIES)
def test_networks_differ_in_nothing_but_themselves(family):
    kind, package = CONFIGS[family]
    of = like_for_like.FAMILIES[family]
    configs = []
    for network in of.networks:
        changes = {**of.choices, "seed": 1}
        job = TrainingJob(
            network, of.data, Path(), default_registry(), steps=of.steps, changes=changes
        )
        configs.append(read_training_config(kind, package, job)[0])
    for config in configs:
        fields = {line.split()[0] for line in config.differences(configs[-1].to_json())}
        assert fields <= OWN[family]
        assert (config.steps, config.seed, config.width) == (of.steps, 1, of.choices["width"])
