"""The toolkit: what a stack will do under load, told before it is deployed."""
