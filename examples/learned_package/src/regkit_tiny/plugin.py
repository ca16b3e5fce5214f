"""What this package offers. Targets are strings, so that declaring imports nothing heavy."""

from regkit import MethodSpec, hookimpl


@hookimpl
def regkit_methods():
    return [
        MethodSpec(
            name="tiny-regressor",
            target="regkit_tiny.method:TinyRegressor",
            summary="small network trained in minutes, for SPECT and attenuation map",
            supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
            requires={"torch": "torch", "safetensors": "safetensors"},
            weights="regkit_tiny",
            trainer="regkit_tiny.training:train_tiny_regressor",
        )
    ]
