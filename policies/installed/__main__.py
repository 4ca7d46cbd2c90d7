"""Starts the pack for the engine, in the environment in which surgeproof is installed."""

from surgeproof.policies.serving import main

if __name__ == "__main__":
    main()
