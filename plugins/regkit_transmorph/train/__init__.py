"""Training of TransMorph without any truth: what is learnt is to make images alike."""
