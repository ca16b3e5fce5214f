"""The networks, one in each file, and the blocks common to them."""
