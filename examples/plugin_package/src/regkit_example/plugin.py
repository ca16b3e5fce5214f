"""What this package offers. Targets are strings, so that declaring imports nothing heavy."""

from regkit import DatasetSpec, MethodSpec, MetricSpec, hookimpl


@hookimpl
def regkit_methods():
    return [
        MethodSpec(
            name="edge-shift",
            target="regkit_example.edge_shift:EdgeShift",
            summary="translation that lays edges on edges, by cross-correlation",
        )
    ]


@hookimpl
def regkit_metrics():
    return [
        MetricSpec(
            name="worst_tre_mm",
            target="regkit_example.worst:worst_tre_mm",
            summary="largest distance of mapped points from their true positions",
            unit="mm",
        )
    ]


@hookimpl
def regkit_datasets():
    return [
        DatasetSpec(
            name="tiny-thorax",
            target="regkit_example.tiny:TinyThorax",
            summary="four shifted thorax phantoms, PET-like and CT-like",
        )
    ]
