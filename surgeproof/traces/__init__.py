"""Traffic: the shapes that are generated, and what is read from files, CloudWatch and logs.

What is here needs numpy only. The readers lie in `csv_file`, `cloudwatch` and `access_logs`.
"""

from surgeproof.traces.errors import BadRow, TraceError
from surgeproof.traces.named import named_trace, trace_names
from surgeproof.traces.trace import Trace

__all__ = ["BadRow", "Trace", "TraceError", "named_trace", "trace_names"]
