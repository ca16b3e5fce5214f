"""Classical methods: identity, moments, mutual information."""
