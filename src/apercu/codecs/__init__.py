"""Floor 2: codecs, each a recipe of stages, and what they share: tiles, targets, the walk from image to file."""
