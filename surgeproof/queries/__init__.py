"""Reviews a PostgreSQL's queries: which cost most, why, and what to try.

It reads statistics, catalogue and plans, and cannot write: see `connection`.
"""
