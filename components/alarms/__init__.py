"""Alarms, and all that is made of them: topics, pages, objectives, the dashboard, the timeline."""
