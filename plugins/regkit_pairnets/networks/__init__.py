"""The networks, one in each file, and the blocks they share."""
