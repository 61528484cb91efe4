"""Floor 2: what makes more of the planes that a file holds. Inference only; what the bits say stays as it is."""
