"""SPECT: projector, scatter, acquisition, reconstruction."""
