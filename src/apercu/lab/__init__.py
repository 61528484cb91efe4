"""Floor 3: the only home of torch. Models, training, export."""
