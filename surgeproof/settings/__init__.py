"""Reading what people and other programs wrote: files within limits, YAML and JSON.

Every reader of the project takes its documents from here, so that each says in the same words what
is wrong and where.
"""
