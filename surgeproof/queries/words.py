"""Numbers as the review shows them."""


def figure(value: float) -> str:
    """Return a number with three digits, or all of those before the point."""
    return f"{value:,.3g}" if value < 999.5 else f"{value:,.0f}"
