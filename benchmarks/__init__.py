"""Every figure that the project states, printed by a command."""
