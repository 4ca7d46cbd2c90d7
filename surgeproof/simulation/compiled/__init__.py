"""What is compiled: one run, from its first step to its last, without Python's objects."""
