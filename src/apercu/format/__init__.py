"""Floor 1: bytes to header and segments and back. Never sees a pixel."""
