"""What a replay says: text, Markdown, HTML and JSON from one report."""

from surgeproof.report.html_page import html
from surgeproof.report.markdown import markdown
from surgeproof.report.model import Replay, Report, Series, report_of
from surgeproof.report.text import text

__all__ = ["Replay", "Report", "Series", "html", "markdown", "report_of", "text"]
