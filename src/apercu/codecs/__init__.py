"""Floor 2: codecs, each a recipe of stages, and what they share: tiles, targets, the way from image to file."""
