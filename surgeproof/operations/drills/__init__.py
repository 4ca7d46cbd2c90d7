"""Drills: practising what a stack's alarms and people do, without harm."""
