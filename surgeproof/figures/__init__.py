"""Measured figures: how the application behaves under load, and how exactly that is known."""

from surgeproof.figures.figure import SPREAD, Figure, as_figure, figure

__all__ = ["SPREAD", "Figure", "as_figure", "figure"]
