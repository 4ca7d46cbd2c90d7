"""AWS on this machine: moto, the provider in front of it, and the Pulumi engine."""
