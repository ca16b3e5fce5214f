"""Register two files rigidly with another program's Python package, as its users do.

    python benchmarks/cold_peer.py ants|elastix|greedy|simpleitk FIXED MOVING OUT

Writes the map from fixed to moving as OUT.tfm, OUT.mat or OUT.txt, and OUT_warped.nii.gz. It
imports nothing else: benchmarks/cold.py measures the whole process. Settings are the packages' own
for a rigid registration of one patient; those of SimpleITK are of its notebooks, with the step and
the samples chosen on the brain of 2 mm. Most of the time of elastix is that of its Python package,
which loads all of ITK: 12 of 14 CPU seconds at 2 mm.
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


def greedy(fixed: str, moving: str, out: str) -> None:
    """Run greedy's command of rigid normalized mutual information, and that which resamples."""
    from picsl_greedy import Greedy3D

    program = Greedy3D()
    program.execute(
        "-a -dof 6 -m NMI -ia-image-centers -n 100x50x10 -threads 1 -V 0 "
        f"-i {fixed} {moving} -o {out}.txt"
    )
    program.execute(f"-rf {fixed} -rm {moving} {out}_warped.nii.gz -r {out}.txt -threads 1 -V 0")


def simpleitk(fixed: str, moving: str, out: str) -> None:
    """Run Mattes mutual information on three levels from the aligned centers of the images."""
    import SimpleITK as sitk

    first, second = (sitk.ReadImage(file, sitk.sitkFloat32) for file in (fixed, moving))
    start = sitk.CenteredTransformInitializer(
        first,
        second,
        sitk.Euler3DTransform(),
        sitk.CenteredTransformInitializerFilter.GEOMETRY,
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.05, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=200, relaxationFactor=0.6
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


PROGRAMS = {"ants": ants, "elastix": elastix, "greedy": greedy, "simpleitk": simpleitk}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
