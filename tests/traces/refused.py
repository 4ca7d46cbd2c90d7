"""Files in which nothing can be judged, for all who replay a trace that is named so."""

HEADER = "time,requests_per_second\n"

REFUSED = {
    "no time": ("never,1\n", "sale.csv:2: must have a time in seconds, in ISO 8601, or a date"),
    "unsorted": ("0,1\n60,1\n30,1\n", "sale.csv:4: must have a time after that of the row before"),
    "negative": ("0,1\n60,-1\n", "sale.csv:3: must have a rate from 0 to 1e+09, got '-1'"),
    "no number": ("0,1\n60,many\n", "sale.csv:3: must have a rate from 0 to 1e+09, got 'many'"),
    "no rows": ("", "sale.csv: must hold at least one row, got none"),
    "half a minute": ("0,1\n15,1\n", "sale.csv: must last at least 60 s, got 30.0"),
    "months": (
        "".join(f"{3600 * hour},10\n" for hour in range(40 * 24)),
        "sale.csv: must last at most 31 days (`surgeproof trace show` cuts it), got 40",
    ),
    "steps of hours": (
        "0,1\n7200,1\n",
        "sale.csv: must have steps of at most 3600 s, in which a surge can be seen, got 7200 s",
    ),
    "no requests": ("0,0\n60,0\n", "sale.csv: must hold requests, got 0.0"),
}
"""What `sale.csv` holds below its header, and what is said of it."""
