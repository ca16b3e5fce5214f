"""Ctrl-C stops a registration within an iteration, without noise."""

import signal
import threading

import pytest
import SimpleITK as sitk

from phantoms import small_pair
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit_classic.interruption import stopping_on_interrupt

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
