"""Points, intensities and mutual information, which methods and verdicts compare images by."""
