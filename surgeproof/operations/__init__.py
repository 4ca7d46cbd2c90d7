"""Day-2 tools that talk to AWS."""
