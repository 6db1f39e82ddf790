"""A report in a real browser: nothing overlaps or runs out of the window, nothing fails, dark mode and keys work."""

import html
import json
import re
import shutil
import subprocess

import pytest
from study_page import SOURCE, TARGET, make, records

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]

PHONE, DESKTOP = 390, 1280
LOOK = """
<script>
window.onload = () => {
  const shown = [...document.querySelectorAll("h1, h2, h3, h4, p, figure, .chart, .key, nav a, .scroll, details, li")]
    .filter(each => each.getClientRects().length);
  const boxes = shown.map(each => each.getBoundingClientRect());
  const overlaps = [];
  for (let one = 0; one < shown.length; one++)
    for (let two = one + 1; two < shown.length; two++) {
      if (shown[one].contains(shown[two]) || shown[two].contains(shown[one])) continue;
      const width = Math.min(boxes[one].right, boxes[two].right) - Math.max(boxes[one].left, boxes[two].left);
      const height = Math.min(boxes[one].bottom, boxes[two].bottom) - Math.max(boxes[one].top, boxes[two].top);
      if (width > 1 && height > 1) overlaps.push([shown[one], shown[two]].map(each => each.textContent.slice(0, 40)));
    }
  // Texts within a figure, which may not touch each other nor be cut off by its frame.
  for (const chart of document.querySelectorAll(".chart")) {
    const frame = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll("text")].map(each => [each.textContent, each.getBoundingClientRect()]);
    texts.forEach(([name, box], one) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1)
        overlaps.push(["frame", name]);
      for (const [other, beside] of texts.slice(one + 1)) {
        const width = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
        const height = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
        if (width > 1 && height > 3) overlaps.push([name, other]);
      }
    });
  }
  // The pointer on a point, then the keys from there.
  const told = () => { const tip = document.getElementById("tip"); return tip && !tip.hidden ? tip.textContent : ""; };
  const press = key => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: key, bubbles: true}));
  const tips = [], tall = [...document.querySelectorAll(".panel")].map(each => each.getBoundingClientRect());
  const point = document.querySelector(".chart > .tell .reach");
  if (point) {
    point.dispatchEvent(new PointerEvent("pointerover", {bubbles: true, clientX: 60, clientY: 60}));
    tips.push(told());
    document.querySelector('.tell[tabindex="0"]').focus();
    tips.push(told());
    press("ArrowRight");
    tips.push(told());
    press("Escape");
    tips.push(told());
    document.querySelector("a").focus();
  }
  const style = getComputedStyle(document.body);
  const stops = [...document.querySelectorAll('a, summary, .scroll, .tell[tabindex="0"]')];
  const missed = stops.filter(each => { each.focus(); return document.activeElement !== each; });
  parent.postMessage({
    wide: document.documentElement.scrollWidth, window: window.innerWidth, overlaps: overlaps,
    paper: style.backgroundColor, ink: style.color, stops: stops.length, missed: missed.length, shown: shown.length,
    tips: tips,
    beside: tall.length > 1 && Math.abs(tall[0].top - tall[1].top) < 1,
    labels: [...document.querySelectorAll(".chart .tell")].map(each => each.getAttribute("aria-label")),
  }, "*");
};
</script>"""
FRAME = """<!DOCTYPE html><body style="margin:0"><iframe style="border:0" width="{width}" height="3000" srcdoc="{page}">
</iframe><pre id="found"></pre>
<script>onmessage = event => document.getElementById("found").textContent = JSON.stringify(event.data);</script>"""


def look(page, folder, width, *options):
    """What a browser finds on a page in a frame of a width, and what it prints on its console."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width, page=html.escape(page + LOOK, quote=True)))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--window-size=1400,3000", "--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"]
    ended = subprocess.run(
        [*command, *options, frame.as_uri()], capture_output=True, text=True, timeout=200, check=True
    )
    found = re.search(r'<pre id="found">(.+?)</pre>', ended.stdout, re.DOTALL)
    assert found, ended.stderr[-2000:]
    return json.loads(html.unescape(found[1])), [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The page of a study with every section."""
    path, *_ = make(tmp_path_factory.mktemp("page") / "out", records(), data={"source": SOURCE, "target": TARGET})
    return path.read_text()


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_nothing_overlaps_runs_out_of_the_window_or_fails(study, tmp_path, width):
    found, said = look(study, tmp_path, width)
    assert found["window"] == width
    assert found["wide"] <= width
    assert found["overlaps"] == []
    assert said == []
    assert found["shown"] > 50
    assert found["beside"] == (width == DESKTOP)  # on a phone one panel is below the other


def test_values_stand_under_the_pointer_and_the_keys(study, tmp_path):
    found, _ = look(study, tmp_path, DESKTOP)
    pointed, first, second, hidden = found["tips"]
    assert {pointed, first, second} <= set(found["labels"])
    assert second == found["labels"][found["labels"].index(first) + 1]
    assert hidden == ""


def test_keys_reach_every_link_and_table(study, tmp_path):
    found, _ = look(study, tmp_path, DESKTOP)
    assert found["stops"] > 10
    assert found["missed"] == 0


def test_dark_mode_is_light_on_dark(study, tmp_path):
    light, _ = look(study, tmp_path, DESKTOP, "--blink-settings=preferredColorScheme=1")
    dark, _ = look(study, tmp_path, DESKTOP, "--blink-settings=preferredColorScheme=0")
    assert brightness(light["paper"]) - brightness(light["ink"]) > 180
    assert brightness(dark["ink"]) - brightness(dark["paper"]) > 180


def brightness(color):
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return (red + green + blue) / 3


def test_the_look_finds_what_overlaps_and_what_fails(tmp_path):
    """Faults put in on purpose: a word wider than the window, a paragraph on another, a script that fails."""
    body = f"<p>{'x' * 300}</p><p>one</p><p style='margin-top:-2rem'>two</p><script>missing()</script>"
    found, said = look(f"<!DOCTYPE html><html><body>{body}</body></html>", tmp_path, PHONE)
    assert found["wide"] > PHONE
    assert found["overlaps"]
    assert any("missing" in line for line in said)
