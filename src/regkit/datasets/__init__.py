"""Cases and datasets: their contract, folders of them, export of simulated ones."""
