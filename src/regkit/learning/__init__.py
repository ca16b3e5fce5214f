"""The kit for learned methods: cards, weights, passes of a network, training.

A learned method is five small pieces; everything else is here. Import them from `regkit.learning`;
names are imported on first use, and torch only by those that need it::

    class MyCard(PairCard):                   # JSON beside the weights; frozen, kw_only dataclass
        package = "my_package"                # has the folders shipped/ and presets/
        def build_network(self): ...

    class MyMethod(LearnedMethod):            # the registrar that the MethodSpec names
        card, weights = MyCard, "my-method"   # weights, passes and device are its parameters
        def infer(self, pair, trained, passes):
            inputs = NetworkInputs(preprocess(...), preprocess(...), trained.card.grid(...))
            return register_with_model(pair, trained, inputs, estimate, passes)

    class MyConfig(TrainingConfig): ...       # presets/fast.toml has a table [my-method]

    class MyTask(Task): ...                   # prepare_case, build_network, batch, loss, validate

    def train_my_method(job):                 # the trainer that the MethodSpec names
        return train_method(job, MyTask)

`load_model` finds weights by name or file, verifies them against their card and builds the
network; `recursive_registration` runs the passes; `domain_warnings` and `measure_domain` compare
images with those of training; `CaseCache` and `CachedPair` keep preprocessed cases;
`train_method` resumes from checkpoints and runs in several processes under torchrun.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit.learning.appearance import Appearance as Appearance
    from regkit.learning.appearance_guard import appearance_warnings as appearance_warnings
    from regkit.learning.appearance_guard import (
        measure_appearance_limits as measure_appearance_limits,
    )
    from regkit.learning.cached_pair import CachedImage as CachedImage
    from regkit.learning.cached_pair import CachedPair as CachedPair
    from regkit.learning.cached_pair import image_facts as image_facts
    from regkit.learning.cached_pair import pair_arrays as pair_arrays
    from regkit.learning.cached_pair import prepare_pair as prepare_pair
    from regkit.learning.cached_pair import read_pair as read_pair
    from regkit.learning.cached_pair import truth_fact as truth_fact
    from regkit.learning.card import ModelCard as ModelCard
    from regkit.learning.case_cache import CaseCache as CaseCache
    from regkit.learning.device import device_named as device_named
    from regkit.learning.distributed import DistributedContext as DistributedContext
    from regkit.learning.domain_guard import ImageDomain as ImageDomain
    from regkit.learning.domain_guard import domain_features as domain_features
    from regkit.learning.domain_guard import domain_warnings as domain_warnings
    from regkit.learning.domain_guard import measure_domain as measure_domain
    from regkit.learning.domain_guard import measure_pair_domains as measure_pair_domains
    from regkit.learning.exchanged_roles import are_exchanged as are_exchanged
    from regkit.learning.exchanged_roles import (
        register_in_learned_roles as register_in_learned_roles,
    )
    from regkit.learning.grid_sampling import grid_sample as grid_sample
    from regkit.learning.grid_sampling import outside_mask as outside_mask
    from regkit.learning.grid_sampling import sampling_grid as sampling_grid
    from regkit.learning.iterative import NetworkInputs as NetworkInputs
    from regkit.learning.iterative import recursive_registration as recursive_registration
    from regkit.learning.iterative import register_with_model as register_with_model
    from regkit.learning.loop import command_line as command_line
    from regkit.learning.loop import train_method as train_method
    from regkit.learning.method import LearnedMethod as LearnedMethod
    from regkit.learning.model import TrainedModel as TrainedModel
    from regkit.learning.model import load_model as load_model
    from regkit.learning.network_grid import center_on_body as center_on_body
    from regkit.learning.network_grid import centered_grid as centered_grid
    from regkit.learning.output_capture import captured_outputs as captured_outputs
    from regkit.learning.pair_card import PairCard as PairCard
    from regkit.learning.preprocessing import antialias_downsample as antialias_downsample
    from regkit.learning.preprocessing import fill_unknown as fill_unknown
    from regkit.learning.preprocessing import pad_in_plane as pad_in_plane
    from regkit.learning.preprocessing import preprocess as preprocess
    from regkit.learning.task import Task as Task
    from regkit.learning.training_config import TrainingConfig as TrainingConfig
    from regkit.learning.training_config import read_training_config as read_training_config

# Name -> module of this package, imported on first use: a method's registrar must not load torch.
_HOMES = {
    name: module
    for module, names in {
        "cached_pair": (
            "CachedImage", "CachedPair", "image_facts", "pair_arrays",
            "prepare_pair", "read_pair", "truth_fact",
        ),
        "appearance": ("Appearance",),
        "appearance_guard": ("appearance_warnings", "measure_appearance_limits"),
        "card": ("ModelCard",),
        "case_cache": ("CaseCache",),
        "device": ("device_named",),
        "distributed": ("DistributedContext",),
        "domain_guard": (
            "ImageDomain", "domain_features", "domain_warnings", "measure_domain",
            "measure_pair_domains",
        ),
        "exchanged_roles": ("are_exchanged", "register_in_learned_roles"),
        "grid_sampling": ("grid_sample", "outside_mask", "sampling_grid"),
        "iterative": ("NetworkInputs", "recursive_registration", "register_with_model"),
        "loop": ("command_line", "train_method"),
        "method": ("LearnedMethod",),
        "model": ("TrainedModel", "load_model"),
        "network_grid": ("center_on_body", "centered_grid"),
        "pair_card": ("PairCard",),
        "output_capture": ("captured_outputs",),
        "preprocessing": ("antialias_downsample", "fill_unknown", "pad_in_plane", "preprocess"),
        "task": ("Task",),
        "training_config": ("TrainingConfig", "read_training_config"),
    }.items()
    for name in names
}  # fmt: skip

__all__ = sorted(_HOMES)  # noqa: PLE0605 - a list of strings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit.learning' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit.learning.{_HOMES[name]}"), name)
