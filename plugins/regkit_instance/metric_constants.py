"""Constants that the compiled metrics and those of torch have in common.

With them, both backends give the same numbers to single precision. Compiled kernels hold these as
constants: after a change, run ``python -m regkit_instance.compile_kernels``. All values were
chosen by hand unless said otherwise.
"""

# Bins beyond the range 0 to 1, on both sides together: a cubic window is four bins wide.
MARGIN_BINS = 4
# Largest factor by which a fixed bin is scaled up to its count in the whole sample.
MAX_BIN_WEIGHT = 4.0
# Mutual information in nats at or below this is rounding error: one of the images is constant.
MIN_INFORMATION = 1e-12
# Variance of intensities from 0 to 1, and weight of a bin, that count as zero.
MIN_VARIANCE = 1e-9
# Noise variance of intensities from 0 to 1 in patches: a standard deviation of 0.3 % of the range.
PATCH_NOISE_VARIANCE = 1e-5
# Sample points that must map inside the moving image for a score: number, and fraction of all.
MIN_POINTS = 30
MIN_OVERLAP = 0.05
