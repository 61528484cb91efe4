"""Floor 3: the bench. Speed, arithmetic, memory and start-up, measured where it runs and told as ratios."""
