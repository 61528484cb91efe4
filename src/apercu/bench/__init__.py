"""Floor 3: the bench. Speed, arithmetic, memory and start-up, measured on the present machine, as ratios."""
