"""Runbooks that run by themselves, as Systems Manager Automation documents."""
