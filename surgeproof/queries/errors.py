"""What can go wrong in a review."""


class QueriesError(Exception):
    """The database cannot be reached or read; one line says why. Exit code 4."""
