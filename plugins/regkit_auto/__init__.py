"""The method that chooses among the others by the images."""
