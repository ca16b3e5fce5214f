"""Our own engine for rigid and affine registration of images that look different."""
