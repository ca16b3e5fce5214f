"""Register two files rigidly with another program's Python package, as its users do.

    python benchmarks/cold_peer.py ants|elastix|simpleitk FIXED MOVING OUT

Writes OUT.tfm, the map from fixed to moving, and OUT_warped.nii.gz. It imports nothing else:
benchmarks/cold.py measures the whole process. Settings are the packages' own for a rigid
registration of one patient; that of SimpleITK is the one of its notebooks.
"""

from __future__ import annotations

import sys


def ants(fixed: str, moving: str, out: str) -> None:
    """Run the quick rigid registration of ANTs."""
    import ants as package

    images = [package.image_read(file) for file in (fixed, moving)]
    found = package.registration(*images, type_of_transform="QuickRigid", random_seed=1)
    transform = package.read_transform(found["fwdtransforms"][0])
    package.write_transform(transform, f"{out}.mat")
    package.image_write(found["warpedmovout"], f"{out}_warped.nii.gz")


def elastix(fixed: str, moving: str, out: str) -> None:
    """Run elastix with its default rigid parameter map."""
    import itk

    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("rigid"))
    warped, found = itk.elastix_registration_method(
        itk.imread(fixed, itk.F), itk.imread(moving, itk.F), parameter_object=parameters
    )
    found.WriteParameterFiles(found, [f"{out}.txt"])
    itk.imwrite(warped, f"{out}_warped.nii.gz", compression=True)


def simpleitk(fixed: str, moving: str, out: str) -> None:
    """Run Mattes mutual information on three levels from the aligned centers of mass."""
    import SimpleITK as sitk

    first, second = (sitk.ReadImage(file, sitk.sitkFloat32) for file in (fixed, moving))
    start = sitk.CenteredTransformInitializer(
        first,
        second,
        sitk.Euler3DTransform(),
        sitk.CenteredTransformInitializerFilter.MOMENTS,
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(
        learningRate=1.0,
        numberOfIterations=100,
        convergenceMinimumValue=1e-6,
        convergenceWindowSize=10,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(first, second)
    sitk.WriteTransform(found, f"{out}.tfm")
    warped = sitk.Resample(second, first, found, sitk.sitkLinear, 0.0)
    sitk.WriteImage(warped, f"{out}_warped.nii.gz", useCompression=True)


if __name__ == "__main__":
    {"ants": ants, "elastix": elastix, "simpleitk": simpleitk}[sys.argv[1]](*sys.argv[2:])
