"""Floor 0: arrays in, arrays out. No files, no networks, no state; forward and inverse side by side."""
