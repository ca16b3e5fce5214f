"""Cases and datasets: the contract, dataset folders, and the export of simulated cases."""
