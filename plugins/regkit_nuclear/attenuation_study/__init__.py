"""The effect of a misaligned attenuation map on the corrected SPECT of the heart."""
