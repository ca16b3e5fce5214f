"""Ctrl-C stops a registration within an iteration, without noise."""

import gc
import signal
import threading
import weakref

import pytest
import SimpleITK as sitk

from phantoms import small_pair
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit_classic.interruption import stopping_on_interrupt
from regkit_classic.mi import MutualInformation

pytestmark = pytest.mark.end_to_end


def _endless() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInitialTransform(sitk.Euler3DTransform())
    method.SetOptimizerAsRegularStepGradientDescent(
        1.0, 1e-12, 1000, relaxationFactor=0.99, gradientMagnitudeTolerance=1e-30
    )
    return method


def _run(method: sitk.ImageRegistrationMethod) -> None:
    pair = small_pair()
    with stopping_on_interrupt(method):
        method.Execute(volume_to_sitk(pair.fixed), volume_to_sitk(pair.moving))


def test_ctrl_c_stops_the_optimiser(capfd) -> None:
    before = signal.getsignal(signal.SIGINT)
    method = _endless()

    def press() -> None:
        if method.GetOptimizerIteration() == 3:
            signal.raise_signal(signal.SIGINT)

    method.AddCommand(sitk.sitkIterationEvent, press)
    with pytest.raises(KeyboardInterrupt, match="interrupted"):
        _run(method)
    assert method.GetOptimizerIteration() < 6
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err == ""


def test_other_threads_register_without_a_handler() -> None:
    method = _endless()
    method.SetOptimizerAsGradientDescent(1.0, 2)
    thread = threading.Thread(target=_run, args=(method,))
    thread.start()
    thread.join()
    assert method.GetOptimizerIteration() == 2


def test_searches_in_other_threads_are_freed(monkeypatch) -> None:
    """ITK keeps what it calls back, which Python's garbage collection does not see."""
    made, real = [], sitk.ImageRegistrationMethod

    def make() -> sitk.ImageRegistrationMethod:
        method = real()
        made.append(weakref.ref(method))
        return method

    monkeypatch.setattr(sitk, "ImageRegistrationMethod", make)
    search = MutualInformation(levels=2, iterations=2)
    thread = threading.Thread(target=search.register, args=(small_pair(),))
    thread.start()
    thread.join()
    gc.collect()
    assert len(made) == 2
    assert not any(method() for method in made)
