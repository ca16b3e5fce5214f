"""ANTs, through antspyx."""
