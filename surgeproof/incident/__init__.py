"""Incidents: the evidence that AWS holds of one, what it shows, and the review made of it."""
