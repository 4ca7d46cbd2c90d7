"""What a check of policies found, and the forms in which people and tools read it."""

from surgeproof.findings.model import Finding, Kind, Summary, from_engine, in_order

__all__ = ["Finding", "Kind", "Summary", "from_engine", "in_order"]
