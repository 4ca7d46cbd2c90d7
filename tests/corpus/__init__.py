"""Stacks of other people's shapes, by which what `surgeproof check` says is judged.

Two thirds are in use: rules may be made better after them. The rest is held out. `sound.py` and
`faulty.py` hold the stacks with what is wrong in them, `kinds.py` what each kind of fault does to
users and where AWS says so. `python -m tests.corpus` runs the command on all that is in use.
"""
