"""The check of an attenuation map against the emission image that it corrects."""
