"""The database that all instances share."""
