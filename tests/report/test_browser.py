"""The HTML page in a real browser: what a reader can see and do there."""

import re

import pytest

from surgeproof.report import html
from tests.browser import launched
from tests.report.support import fixed, report_on, scaling, surge

LEAST_TEXT = 4.5
LEAST_LINE = 3.0
"""Least contrasts of WCAG 2.2, 1.4.3 and 1.4.11, level AA."""

CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const bytes = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const linear = bytes(colour).map((byte) => {
      const value = byte / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const against = (colour) => {
    const ink = light(colour);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  };
  const found = {};
  const look = (kind, selector, property) => {
    for (const element of document.querySelectorAll(selector)) {
      const seen = against(getComputedStyle(element)[property]);
      found[`${kind} ${selector}`] = Math.min(found[`${kind} ${selector}`] ?? 99, seen);
    }
  };
  for (const each of ["p", "li", "th", "td", "h1", "h2", "h3", "summary", ".soft", ".word"])
    look("text", each, "color");
  look("text", ".chart text:not(.in-badge)", "fill");
  for (const each of ["demand", "attempts", "capacity", "hurt", "answering", "desired", "alarm"])
    look("line", `.chart .${each}`, "stroke");
  look("line", "button", "borderColor");
  return found;
}
"""


@pytest.fixture(scope="module")
def browser():
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page on which a fleet fails beside one that scales."""
    page = tmp_path_factory.mktemp("page") / "replay.html"
    load = surge(100, 900, minutes=40, at=10)
    page.write_text(
        html(report_on((scaling(), load), (fixed(2), load), stack="<b>dev</b>")), encoding="utf-8"
    )
    return page


@pytest.fixture
def opened(browser, file):
    """Open the page, and note what it says and asks for."""
    contexts = []

    def opening(width=1400, scheme="light", **more):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield opening
    for context in contexts:
        context.close()


def ticks(page, chart=0):
    return page.locator(".chart").nth(chart).locator("text.tick").all_text_contents()


def tips(page):
    return page.locator(".tip:not([hidden])").all_inner_texts()


def point(page, share, chart=0):
    drawing = page.locator(".chart svg").nth(chart)
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + 56 + share * (box["width"] - 68), box["y"] + 150)


def test_it_loads_without_an_error_and_asks_for_nothing_else(opened, file):
    page = opened()

    assert page.locator(".chart .demand").count() == 2
    assert page.complaints == []
    assert page.asked == [file.as_uri()]


def test_what_was_replayed_is_text_and_never_markup(opened):
    page = opened()

    assert "<b>dev</b>" in page.locator("h1").inner_text()
    assert page.locator("b:not(.tip b)").count() == 0


def test_a_reader_is_told_first_what_happened(opened):
    lead = " ".join(opened().locator("header").inner_text().split())

    assert "at the peak 900, 9 times as many" in lead
    assert re.search(r"Stack .* meets them with 4 instances and has up to \d+: [\d.]+ %", lead)


def test_pointing_shows_the_values_of_the_same_moment_for_all_fleets(opened):
    page = opened()
    point(page, 0.5)

    first, second = tips(page)
    assert first.startswith("+0:20:00\n900 requests/s asked for")
    assert second.startswith("+0:20:00\n900 requests/s asked for")
    assert "instances answer" in first
    page.mouse.move(0, 0)
    assert tips(page) == []


def test_the_buttons_change_the_axis_of_all_fleets(opened):
    page = opened()
    whole = ticks(page)

    page.get_by_role("button", name="Zoom in").click()
    near = ticks(page)
    page.get_by_role("button", name="Later").click()
    later = ticks(page)

    assert whole[0] == "+0:00:00"
    assert near == ["+0:10:00", "+0:15:00", "+0:20:00", "+0:25:00", "+0:30:00"]
    assert later == ["+0:15:00", "+0:20:00", "+0:25:00", "+0:30:00", "+0:35:00"]
    assert ticks(page, 1) == later
    page.get_by_role("button", name="Whole trace").click()
    assert ticks(page) == whole


def test_dragging_chooses_a_span(opened):
    page = opened()
    point(page, 0.25)
    page.mouse.down()
    point(page, 0.5)
    page.mouse.up()

    assert page.locator(".shown").inner_text() == "+0:10:00 to +0:20:00"
    page.locator(".chart svg").first.dblclick()
    assert page.locator(".shown").inner_text().startswith("Whole trace")


def test_the_keyboard_does_what_the_pointer_does(opened):
    page = opened()
    page.locator(".chart").first.focus()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    moved = page.locator(".said").first.inner_text()
    page.keyboard.press("+")
    near = ticks(page)
    page.keyboard.press("0")

    assert moved.startswith("+0:01:20. 100 requests/s asked for")
    assert near[-1] < ticks(page)[-1]
    page.keyboard.press("Escape")
    assert tips(page) == []


def test_all_that_can_be_done_is_reached_by_tab(opened):
    page = opened()
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.dataset.do || document.activeElement.className")
        )

    assert [each for each in reached if each][:7] == [
        "in", "out", "earlier", "later", "whole", "chart", "chart",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_in_both_schemes(opened, scheme):
    page = opened(scheme=scheme)

    seen = page.evaluate(CONTRAST)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert len(seen) > 15
    assert {
        what: value
        for what, value in seen.items()
        if value < (LEAST_TEXT if what.startswith("text") else LEAST_LINE)
    } == {}


def test_no_two_kinds_of_area_or_limit_differ_by_colour_alone(opened):
    page = opened()

    shapes = page.evaluate(
        "[...document.querySelectorAll('pattern')].map((each) => each.innerHTML)"
    )
    fills = page.evaluate(
        "['capacity', 'gap', 'hurt'].map((name) => "
        "getComputedStyle(document.querySelector(`.chart .${name}`)).fill)"
    )

    assert len(set(shapes)) == len(shapes) > 10
    assert fills == ['url("#hatch")', 'url("#dots")', 'url("#mesh")']
    dashes = page.evaluate(
        "['demand', 'attempts', 'answering', 'desired'].map((name) => "
        "getComputedStyle(document.querySelector(`.chart .${name}`)).strokeDasharray)"
    )
    assert dashes == ["none", "2px, 3px", "none", "5px, 3px"]


@pytest.mark.parametrize("width", [340, 800, 1700])
def test_nothing_is_wider_than_the_window(opened, width):
    page = opened(width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate(
        "[...document.querySelectorAll('.chart text')].map((each) => "
        "parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 12


def test_two_fleets_stand_side_by_side_where_there_is_room(opened):
    def places(width):
        charts = opened(width=width).locator(".chart svg")
        return [charts.nth(index).bounding_box() for index in (0, 1)]

    left, right = places(1400)
    above, below = places(600)

    assert left["y"] == right["y"]
    assert right["x"] > left["x"] + left["width"]
    assert below["y"] > above["y"] + above["height"]


def test_without_scripts_the_tables_hold_what_the_drawings_show(opened):
    page = opened(java_script_enabled=False)

    assert "needs scripts" in page.locator(".undrawn").first.inner_text()
    table = page.locator("table.numbers").first
    assert table.locator("tbody tr").count() >= 40
    assert "900" in table.text_content()
    assert not page.locator(".tools").first.is_visible()
