"""The tests, as a package: else another distribution's `tests` would be found in its place."""
