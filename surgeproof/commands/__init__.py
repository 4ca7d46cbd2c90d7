"""The commands: one file for each, or for a family, and one for how they end."""
