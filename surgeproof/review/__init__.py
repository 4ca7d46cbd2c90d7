"""The regular bottleneck review: head-room, growth, quotas, what changed, and what is overdue."""
