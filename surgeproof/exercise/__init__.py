"""Training exercises: simulated incidents as charts and alarms, with questions and a key."""
