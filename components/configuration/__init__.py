"""From `Pulumi.<stack>.yaml` to what components are given, and the reference of its keys."""
