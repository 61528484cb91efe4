"""The paper of Taha et al. 2025 again: its numbers as printed, ours beside them, and its claim against JPEG."""
