"""The report in a real browser, without a network."""

import re
import shutil
import subprocess

import pytest

from ordain.evaluation.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def opened(path, folder, *options):
    """Return the page's document after its scripts have run, and what the browser logged."""
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--virtual-time-budget=30000",
            "--enable-logging=stderr", f"--user-data-dir={folder}", *options,
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_plots_are_drawn_and_the_console_stays_empty(full, tmp_path, scheme):
    path = tmp_path / "report.html"
    write_report(full, path)
    option = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    document, console = opened(path, tmp_path / "profile", option)
    assert console == []
    n_plots = len(re.findall(r"<figcaption", document))
    assert n_plots > 15
    assert len(re.findall(r'data-drawn="yes"', document)) == n_plots
    assert document.count("main-svg") >= n_plots


def relaxed(path, *, before="", after=""):
    """Let scripts of a test run in the page, before and after its own."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"script-src .*? blob:;", "script-src 'unsafe-inline' blob:;", text)
    text = text.replace("<body>", f"<body><script>{before}</script>")
    path.write_text(text.replace("</body>", f"<script>{after}</script></body>"), encoding="utf-8")


def test_browser_that_cannot_unpack_gets_a_message(summary, tmp_path):
    path = tmp_path / "report.html"
    write_report(summary, path)
    relaxed(path, before="delete window.DecompressionStream")
    document, _ = opened(path, tmp_path / "profile")
    assert "This plot cannot be drawn here" in document
    assert 'data-drawn="yes"' not in document


def test_click_on_a_heading_sorts_numbers_largest_first_and_then_smallest(summary, tmp_path):
    path = tmp_path / "report.html"
    click = "document.querySelectorAll('table.compared th button')[1].click();"
    for n_clicks, is_falling in ((1, True), (2, False)):
        write_report(summary, path)
        relaxed(path, after=click * n_clicks)
        document, _ = opened(path, tmp_path / "profile")
        start = document.index('<table class="sortable compared"')
        table = document[start : document.index("</table>", start)]
        rows = re.findall(
            r'<tr[^>]*><td data-value="[^"]*">[^<]*</td><td[^>]*data-value="([^"]*)"', table
        )
        values = [float(value) for value in rows]
        assert len(values) == 3
        assert values == sorted(values, reverse=is_falling)


def test_theme_button_changes_the_theme_and_long_tables_can_be_searched(tmp_path):
    from judged_findings import full_summary

    path = tmp_path / "report.html"
    write_report(full_summary(n_slices=60), path)
    script = (
        "document.querySelector('nav button').click();"
        "const field = document.querySelector('#slices .find'); field.value = 'c59';"
        "field.dispatchEvent(new Event('input'));"
    )
    relaxed(path, after=script)
    light = "--blink-settings=preferredColorScheme=1"
    document, console = opened(path, tmp_path / "profile", light)
    assert console == []
    assert 'data-theme="dark"' in document
    table = document[document.index('id="slices"') :]
    table = table[: table.index("</table>")]
    assert table.count("<tr hidden") == 59


def test_nothing_runs_off_a_narrow_screen(full, tmp_path):
    path = tmp_path / "report.html"
    write_report(full, path)
    script = (
        "document.title = document.documentElement.scrollWidth <= innerWidth ? 'fits' : 'wide';"
    )
    relaxed(path, after=script)
    document, _ = opened(path, tmp_path / "profile", "--window-size=500,900")
    assert "<title>fits</title>" in document


def test_every_heading_sorts_its_column_both_ways(full, tmp_path):
    path = tmp_path / "report.html"
    write_report(full, path)
    script = """
    const wrong = [];
    for (const heading of document.querySelectorAll("table.sortable th")) {
      const table = heading.closest("table");
      const place = [...heading.parentElement.children].indexOf(heading);
      const texts = () => [...table.tBodies[0].rows].map((row) => row.children[place].textContent);
      if (new Set(texts()).size < 3) { continue; }
      heading.querySelector("button").click();
      const first = texts().join("|");
      heading.querySelector("button").click();
      if (texts().join("|") === first) { wrong.push(heading.textContent); }
    }
    document.title = "stuck: " + wrong.join(", ");
    """
    relaxed(path, after=script)
    document, console = opened(path, tmp_path / "profile")
    assert console == []
    assert "<title>stuck: </title>" in document


def test_printed_plots_stand_two_in_a_row(full, tmp_path):
    path = tmp_path / "report.html"
    write_report(full, path)
    script = """
    const wait = setInterval(() => {
      if (document.querySelector("[data-figure]:not([data-drawn])")) { return; }
      clearInterval(wait);
      dispatchEvent(new Event("beforeprint"));
      setTimeout(() => {
        const widths = [...document.querySelectorAll(".main-svg")].map((svg) => svg.clientWidth);
        document.title = "widths " + [...new Set(widths)].sort().join(" ");
      }, 3000);
    }, 200);
    """
    relaxed(path, after=script)
    document, _ = opened(path, tmp_path / "profile")
    assert "<title>widths 300 640</title>" in document
