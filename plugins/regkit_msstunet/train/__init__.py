"""Training of the reorientation of the left ventricle."""
