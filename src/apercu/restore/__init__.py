"""Floor 2: restorers, which improve decoded planes. Inference only; they change nothing about how bits are read."""
