"""A registration method, a score and a dataset for regkit, from another package."""
