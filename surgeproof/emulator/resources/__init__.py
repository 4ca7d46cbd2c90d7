"""A resource on the embedded AWS: its life, what is checked, its requests, what AWS has of it."""
