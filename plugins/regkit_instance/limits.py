"""What the compiled and the dense measures agree on, so that they give the same numbers.

Compiled kernels hold these as constants: after a change, run
``python -m regkit_instance.compile_kernels``.
"""

# Bins that the cubic windows of the darkest and brightest values reach beyond the range.
MARGIN = 4
# What was seen of a fixed bin counts at most so many times towards the whole sample.
MOST = 4.0
# Less information than this, in nats, is rounding: one of the images is constant.
FLAT = 1e-12
# Variance of intensities from 0 to 1, and weight of a bin, that are nothing.
SMALLEST = 1e-9
# Variance of noise in patches of intensities from 0 to 1: a deviation of 0.3 % of their range.
NOISE = 1e-5
# Points that must meet the moving image for a score: so many, and such a share of the sample.
FEWEST_COUNTED = 30
LEAST_OVERLAP = 0.05
