"""What a person sees of projects, runs and charts."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server_process import running_server

FALLING = [1 / (step + 1) for step in range(60)]
NOISY = [1 / (step + 1) + 0.3 * math.sin(step * 2.1) for step in range(120)]
HOSTILE = '<img src=x onerror="window.hacked=1">'


def chart(page: Page, key: str) -> Locator:
    return page.locator(f'[data-testid=chart][data-key="{key}"]')


def points(page: Page, key: str) -> int:
    return int(chart(page, key).get_attribute("data-points") or 0)


def wait_for_points(page: Page, key: str, least: int) -> None:
    page.wait_for_function(
        """([key, least]) => [...document.querySelectorAll("[data-testid=chart]")]
            .some((one) => one.dataset.key === key && Number(one.dataset.points) >= least)""",
        arg=[key, least],
        timeout=20_000,
    )


def wait_for_fewer_points(page: Page, key: str, limit: int) -> None:
    page.wait_for_function(
        """([key, limit]) => [...document.querySelectorAll("[data-testid=chart]")]
            .some((one) => one.dataset.key === key && 0 < one.dataset.points && one.dataset.points < limit)""",
        arg=[key, limit],
        timeout=20_000,
    )


def drag(page: Page, key: str, start: float, end: float) -> None:
    """Drag the mouse over a chart, from and to a share of its width."""
    box = chart(page, key).locator(".u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=4)
    page.mouse.up()


def pixels(page: Page, key: str) -> str:
    """What the canvas of a chart shows, as text to compare."""
    return str(chart(page, key).locator("canvas").evaluate("(canvas) => canvas.toDataURL()"))


def ink(page: Page, key: str, run: str) -> list[float]:
    """The heights at which a chart has the whole colour of a run, one for each pixel; 0 is its top, 1 its bottom."""
    row = page.locator(f"[data-testid=run-row][data-run-id='{run}']")
    color = row.evaluate("(row) => getComputedStyle(row).getPropertyValue('--run-color').trim()")
    found = chart(page, key).evaluate(
        """(chart, color) => {
            const canvas = chart.querySelector("canvas");
            const [outer, inner] = [canvas, chart.querySelector(".u-over")].map((one) => one.getBoundingClientRect());
            const copy = new OffscreenCanvas(canvas.width, canvas.height);
            const context = copy.getContext("2d", { willReadFrequently: true });
            context.drawImage(canvas, 0, 0);
            const { data } = context.getImageData(0, 0, copy.width, copy.height);
            const wanted = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
            const heights = [];
            for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] < 200 || wanted.some((value, n) => Math.abs(data[i + n] - value) > 12)) continue;
                const y = Math.floor(i / 4 / copy.width) * outer.height / canvas.height;
                heights.push((y - inner.top + outer.top) / inner.height);
            }
            return heights;
        }""",
        color,
    )
    return list(found)


def wait_for_other_pixels(page: Page, key: str, before: str) -> None:
    page.wait_for_function(
        """([key, before]) => [...document.querySelectorAll("[data-testid=chart]")]
            .find((one) => one.dataset.key === key).querySelector("canvas").toDataURL() !== before""",
        arg=[key, before],
        timeout=10_000,
    )


def run_names(page: Page) -> list[str]:
    return page.locator("[data-testid=run-row] a").all_inner_texts()


def test_the_curve_grows_while_rows_come_in(site: Any) -> None:
    run = site.start_run(name="growing")
    run.log({"train/loss": 1.0})
    page = site.page()
    wait_for_points(page, "train/loss", 1)
    for value in FALLING:
        run.log({"train/loss": value})
    wait_for_points(page, "train/loss", 61)
    half_way = pixels(page, "train/loss")
    for value in FALLING:
        run.log({"train/loss": value})
    wait_for_points(page, "train/loss", 121)
    wait_for_other_pixels(page, "train/loss", half_way)
    run.finish()


def test_the_demo_curves_grow_while_its_training_runs(browser: Any, complaints: Any, tmp_path: Path) -> None:
    with demo_in_terminal(tmp_path) as link:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints.listen(page, link.partition("/#")[0])
        page.goto(link)
        page.get_by_role("link", name="digits").click()
        wait_for_points(page, "train/loss", 100)
        for _ in range(3):
            grown, drawn = points(page, "train/loss"), pixels(page, "train/loss")
            wait_for_points(page, "train/loss", grown + 1)
            wait_for_other_pixels(page, "train/loss", drawn)
        expect(page.locator("[data-testid=run-row][data-state=running]")).to_have_count(5)
        assert chart(page, "train/loss").get_attribute("data-series") == "5"
        page.close()


@contextmanager
def demo_in_terminal(folder: Path) -> Iterator[str]:
    """The demo as in a terminal of its own, with more training than any test waits for; gives its login link."""
    command = [sys.executable, "-m", "trialog", "demo", "--no-browser", "--epochs", "5000", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        try:
            yield next(found[0] for line in demo.stdout if (found := re.search(r"http://\S+#login=\S+", line)))
            os.killpg(demo.pid, signal.SIGINT)  # Ctrl-C reaches the server and the training
            assert demo.wait(timeout=20) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)


def test_smoothing_changes_the_line_and_the_raw_value_stays_readable(site: Any) -> None:
    run = site.log_run("noisy", NOISY)
    page = site.page()
    wait_for_points(page, "train/loss", 120)
    raw, raw_ink = pixels(page, "train/loss"), len(ink(page, "train/loss", run))
    page.get_by_test_id("smoothing").fill("0.9")
    wait_for_other_pixels(page, "train/loss", raw)
    assert (
        0 < len(ink(page, "train/loss", run)) < raw_ink / 2
    )  # a smooth line is shorter; the raw one under it is faint
    assert "smooth=0.9" in page.url
    chart(page, "train/loss").locator(".u-over").hover()
    expect(page.get_by_test_id("tooltip")).to_have_text(re.compile(r"noisy-?\d[\d.e-]*raw -?\d[\d.e-]*step \d+"))
    page.mouse.move(5, 5)
    page.get_by_test_id("smoothing").fill("0")
    expect(page.locator(".toolbar output")).to_have_text("off")
    page.wait_for_function(
        "(raw) => document.querySelector('[data-testid=chart] canvas').toDataURL() === raw", arg=raw, timeout=10_000
    )


def test_a_run_is_hidden_and_shown_by_its_swatch(site: Any) -> None:
    site.log_run("low", FALLING)
    site.log_run("high", [value + 1 for value in FALLING])
    page = site.page()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "2")
    both = pixels(page, "train/loss")
    swatch = page.get_by_role("button", name="hide high")
    swatch.click()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "1")
    expect(page.get_by_role("button", name="show high")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_test_id("count")).to_have_text("2 runs, 1 shown")
    wait_for_other_pixels(page, "train/loss", both)
    page.reload()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "1")
    page.get_by_role("button", name="show high").click()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "2")


def test_search_and_sorting(site: Any) -> None:
    for name, rate in (("apple", 0.1), ("pear", 0.01), ("plum", 0.5)):
        site.log_run(name, [rate], config={"lr": rate})
    page = site.page()
    expect(page.get_by_test_id("run-row")).to_have_count(3)
    assert run_names(page) == ["plum", "pear", "apple"]
    page.get_by_test_id("search").fill("FINISHED appl")
    expect(page.get_by_test_id("count")).to_have_text("1 of 3 runs, 1 shown")
    assert run_names(page) == ["apple"]
    page.get_by_test_id("search").fill("")
    page.get_by_test_id("tab-table").click()
    rows = page.get_by_test_id("table-row")
    expect(rows).to_have_count(3)
    page.locator("[data-column='config:lr'] button").click()
    expect(rows.locator("a")).to_have_text(["plum", "apple", "pear"])
    page.locator("[data-column='config:lr'] button").click()
    expect(rows.locator("a")).to_have_text(["pear", "apple", "plum"])
    page.reload()
    expect(page.get_by_test_id("table-row").locator("a")).to_have_text(["pear", "apple", "plum"])


def test_selected_runs_can_be_shown_alone(site: Any) -> None:
    for name in ("one", "two", "three"):
        site.log_run(name, FALLING)
    page = site.page("?tab=table")
    page.get_by_label("select two").check()
    page.get_by_test_id("selection").get_by_text("show only these").click()
    page.get_by_test_id("tab-charts").click()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "1")
    expect(page.get_by_test_id("count")).to_have_text("3 runs, 1 shown")


def test_the_x_axis_is_step_or_time(site: Any) -> None:
    site.log_run("timed", FALLING)
    page = site.page()
    wait_for_points(page, "train/loss", 60)
    over = chart(page, "train/loss").locator(".u-over")
    over.hover()
    expect(page.get_by_test_id("tooltip")).to_contain_text("step")
    for axis in ("relative", "time"):
        page.mouse.move(5, 5)
        before = pixels(page, "train/loss")
        page.get_by_test_id("x-axis").select_option(axis)
        wait_for_other_pixels(page, "train/loss", before)
        over.hover()
        expect(page.get_by_test_id("tooltip")).not_to_contain_text("step")
    assert "x=time" in page.url


def test_a_drag_zooms_all_charts_and_a_double_click_resets(site: Any) -> None:
    with site.start_run(name="two curves") as run:
        for step in range(200):
            run.log({"train/loss": math.sin(step / 10), "train/other": step})
    page = site.page()
    wait_for_points(page, "train/other", 200)
    drag(page, "train/loss", 0.25, 0.5)
    for key in ("train/loss", "train/other"):
        wait_for_fewer_points(page, key, 60)
    low, high = map(float, re.findall(r"zoom=([\d.]+)%3A([\d.]+)", page.url)[0])
    assert 45 < low < 55
    assert 95 < high < 105
    page.reload()
    wait_for_points(page, "train/loss", 40)
    assert points(page, "train/loss") < 60
    chart(page, "train/loss").locator(".u-over").dblclick()
    wait_for_points(page, "train/other", 200)
    assert "zoom=" not in page.url
    expect(page.get_by_test_id("reset-zoom")).to_have_count(0)
    drag(page, "train/other", 0.6, 0.9)
    wait_for_fewer_points(page, "train/loss", 100)
    page.get_by_test_id("reset-zoom").click()
    wait_for_points(page, "train/loss", 200)
    assert "zoom=" not in page.url


def test_a_reload_restores_what_was_chosen(site: Any) -> None:
    site.log_run("low", NOISY)
    site.log_run("high", [value + 1 for value in NOISY])
    page = site.page()
    wait_for_points(page, "train/loss", 240)
    page.get_by_role("button", name="hide low").click()
    page.get_by_test_id("smoothing").fill("0.8")
    page.get_by_test_id("x-axis").select_option("relative")
    wait_for_points(page, "train/loss", 120)
    linear = pixels(page, "train/loss")
    page.get_by_test_id("log-y").click()
    wait_for_other_pixels(page, "train/loss", linear)
    drag(page, "train/loss", 0.2, 0.7)
    wait_for_fewer_points(page, "train/loss", 119)
    page.mouse.move(5, 5)
    chosen = page.url
    shown = points(page, "train/loss")
    page.reload()
    wait_for_points(page, "train/loss", 1)
    assert page.url == chosen
    assert points(page, "train/loss") == shown
    expect(page.get_by_role("button", name="show low")).to_be_visible()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "1")
    expect(page.locator(".toolbar output")).to_have_text("0.800")
    expect(page.get_by_test_id("x-axis")).to_have_value("relative")
    expect(page.get_by_test_id("log-y")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("reset-zoom")).to_be_visible()
    page.get_by_test_id("tab-table").click()
    page.reload()
    expect(page.get_by_test_id("tab-table")).to_have_attribute("aria-current", "page")
    expect(page.get_by_test_id("table-row")).to_have_count(2)
    page.go_back()
    expect(page.get_by_test_id("reset-zoom")).to_be_visible()


def test_a_run_page_shows_config_summary_charts_and_machine(site: Any) -> None:
    settings = {"disable_stats": False, "stats_sampling_interval": 0.1, "stats_interval": 0.2}
    with site.start_run(name="whole", config={"lr": 0.125, "layers": [64, 10]}, settings=settings) as run:
        run.log({"train/loss": 0.5})
        run.summary["best"] = 0.75
        while not site_has_stats(site, run.id):
            run.log({"train/loss": 0.25})
    page = site.page(f"/runs/{run.id}")
    expect(page.get_by_test_id("run-state")).to_have_text("finished")
    expect(page.get_by_test_id("card-config")).to_contain_text("0.125")
    expect(page.get_by_test_id("card-config")).to_contain_text("[64,10]")
    expect(page.get_by_test_id("card-summary")).to_contain_text("0.75")
    page.get_by_test_id("tab-charts").click()
    wait_for_points(page, "train/loss", 2)
    page.get_by_test_id("tab-system").click()
    wait_for_points(page, "system/memory_percent", 1)
    page.go_back()
    wait_for_points(page, "train/loss", 2)


def site_has_stats(site: Any, run_id: str) -> bool:
    import trialog

    api = trialog.Api(base_url=site.server.base_url, api_key=site.server.api_key)
    found = [run for run in api.runs(site.project) if run.id == run_id]
    return bool(found and found[0].history(stream="system", pandas=False))


def test_states_change_and_new_runs_appear_without_a_reload(site: Any) -> None:
    first = site.start_run(name="first")
    first.log({"train/loss": 1.0})
    page = site.page()
    row = page.locator(f"[data-run-id='{first.id}']")
    expect(row).to_have_attribute("data-state", "running", timeout=10_000)
    page.get_by_role("link", name="first").click()
    expect(page.get_by_test_id("run-state")).to_have_text("running")
    first.finish()
    expect(page.get_by_test_id("run-state")).to_have_text("finished", timeout=10_000)
    page.go_back()
    expect(row).to_have_attribute("data-state", "finished", timeout=10_000)
    site.log_run("second", FALLING)
    expect(page.get_by_test_id("run-row")).to_have_count(2, timeout=10_000)
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "2", timeout=10_000)


def test_nan_and_infinity_are_marked_and_break_no_line(site: Any, wait_until: Callable[..., Any]) -> None:
    strange = site.log_run("strange", [5.0, math.nan, 5.0, math.inf, 5.0, -math.inf, 5.0])
    site.log_run("low", [4.0] * 7)
    page = site.page()
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "14")
    heights = wait_until(lambda: ink(page, "train/loss", strange))
    assert min(heights) < 0.04  # infinity, at the edge it left by
    assert max(heights) > 0.96  # minus infinity and NaN, on the axis
    assert not [height for height in heights if 0.15 < height < 0.85]  # the line stays at five
    whole = pixels(page, "train/loss")
    page.get_by_role("button", name="hide low").click()
    wait_for_other_pixels(page, "train/loss", whole)


def test_names_that_look_like_markup_are_shown_as_text_and_run_nothing(site: Any) -> None:
    with site.start_run(name=HOSTILE, config={HOSTILE: HOSTILE, "__proto__": 1}, tags=[HOSTILE], notes=HOSTILE) as run:
        run.log({HOSTILE: 1.0, "__proto__": 2.0, "constructor": 3.0, "train/<b>": 4.0})
    page = site.page()
    expect(chart(page, "constructor")).to_have_attribute("data-points", "1")
    expect(chart(page, "__proto__")).to_have_attribute("data-points", "1")
    expect(chart(page, "train/<b>").locator("h3")).to_have_text("train/<b>")
    expect(page.locator(".chart h3", has_text="<img src=x")).to_have_attribute("title", HOSTILE)
    expect(page.get_by_test_id("run-row").locator("a")).to_have_attribute("title", HOSTILE)
    chart(page, "constructor").locator(".u-over").hover()
    expect(page.get_by_test_id("tooltip")).to_contain_text("<img src=x")
    page.get_by_test_id("tab-table").click()
    expect(page.get_by_test_id("table-row")).to_contain_text("<img src=x")
    expect(page.locator("[data-column^='config:<img']")).to_contain_text("<img src=x")
    page.goto(site.address(f"/runs/{run.id}"))
    expect(page.get_by_test_id("run-head").locator("h1")).to_have_text(HOSTILE)
    expect(page.get_by_test_id("card-config").locator("td")).to_contain_text([HOSTILE, HOSTILE, "__proto__", "1"])
    expect(page.get_by_test_id("card-summary")).to_contain_text(HOSTILE)
    expect(page.locator(".tag")).to_have_text(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_light_and_dark_follow_the_system_and_the_choice_is_kept(site: Any) -> None:
    site.log_run("lit", FALLING)
    page = site.page(color_scheme="dark")
    wait_for_points(page, "train/loss", 60)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(12, 12, 14)"
    dark = pixels(page, "train/loss")
    page.get_by_test_id("theme").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    wait_for_other_pixels(page, "train/loss", dark)
    page.reload()
    wait_for_points(page, "train/loss", 60)
    assert page.evaluate(background) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("where", ["//", "//login", "", "?tab=table", "/runs/{id}", "/runs/{id}?tab=charts"])
def test_a_phone_never_scrolls_sideways(site: Any, where: str) -> None:
    run_id = site.log_run("a-run-with-quite-a-long-name-for-a-phone", FALLING, config={"learning_rate": 0.001})
    page = site.page(where.format(id=run_id), size=(390, 844))
    page.wait_for_selector(
        "[data-testid=projects], [data-testid=api-key], [data-testid=table-row], [data-testid=run-head],"
        " [data-testid=chart]"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_run_list_is_a_drawer(site: Any) -> None:
    site.log_run("small", FALLING)
    page = site.page(size=(390, 844))
    wait_for_points(page, "train/loss", 60)
    expect(page.get_by_test_id("run-list")).to_be_hidden()
    page.get_by_role("button", name="runs").click()
    expect(page.get_by_test_id("run-list")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("run-list")).to_be_hidden()
    page.get_by_role("button", name="runs", exact=True).click()
    expect(page.get_by_test_id("run-list")).to_be_visible()
    page.mouse.click(370, 600)  # beside the drawer: a phone has no Escape
    expect(page.get_by_test_id("run-list")).to_be_hidden()


def test_on_a_phone_the_table_needs_no_drawer(site: Any) -> None:
    site.log_run("small", FALLING)
    page = site.page("?tab=table", size=(390, 844))
    expect(page.get_by_test_id("table-row")).to_have_count(1)
    expect(page.get_by_role("button", name="runs", exact=True)).to_have_count(0)
    page.get_by_test_id("tab-charts").click()
    expect(page.get_by_role("button", name="runs", exact=True)).to_be_visible()
    expect(page.get_by_test_id("run-list")).to_be_hidden()


def test_a_login_that_ends_is_asked_for_where_one_is(site: Any) -> None:
    site.log_run("secret", FALLING)
    site.expected_errors.extend(["ERR_FAILED", "401"])
    page = site.page("//login")
    page.route("**/events?*", lambda route: route.abort())
    page.goto(site.address("?smooth=0.5"))
    expect(page.get_by_test_id("offline")).to_be_visible()
    page.context.clear_cookies()
    page.get_by_test_id("api-key").fill(site.server.api_key)
    page.get_by_test_id("log-in").click()
    wait_for_points(page, "train/loss", 60)
    assert page.url == site.address("?smooth=0.5")


def test_login_takes_the_right_key_and_explains_a_wrong_one(site: Any) -> None:
    site.log_run("secret", FALLING)
    site.expected_errors.append("401")
    page = site.page(log_in=False)
    page.get_by_test_id("api-key").fill("tl_wrong")
    page.get_by_test_id("log-in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_test_id("api-key").fill(site.server.api_key)
    page.get_by_test_id("log-in").click()
    wait_for_points(page, "train/loss", 60)


def test_the_login_link_leaves_no_code_in_the_address(site: Any) -> None:
    page = site.page(log_in=False)
    expect(page.get_by_test_id("api-key")).to_be_visible()
    site.expected_errors.append("401")
    page.goto(site.server.login_url)
    page.wait_for_selector(".bar")
    page.goto(site.server.login_url)
    page.wait_for_url(site.server.base_url + "/")


def test_keys(site: Any) -> None:
    site.log_run("older", FALLING)
    site.log_run("newer", FALLING)
    page = site.page()
    expect(chart(page, "train/loss")).to_have_attribute("data-series", "2")
    page.keyboard.press("/")
    expect(page.get_by_test_id("search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="show older")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_test_id("key-sheet")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_test_id("tab-charts")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("key-sheet")).to_be_hidden()
    page.keyboard.press("2")
    expect(page.get_by_test_id("runs-table")).to_be_visible()


def test_an_empty_server_says_which_lines_fill_it(own_site: Callable[..., Any]) -> None:
    with own_site() as site:
        page = site.page("//")
        expect(page.get_by_test_id("empty")).to_contain_text("trialog.init")
        expect(page.get_by_test_id("empty")).to_contain_text(site.server.base_url)
        site.log_run("the first", FALLING)
        expect(page.get_by_role("link", name=site.project)).to_be_visible(timeout=10_000)
        site.close()


def test_a_dead_server_is_said_and_the_page_stays_readable(own_site: Callable[..., Any], tmp_path: Path) -> None:
    with own_site() as site:
        site.log_run("kept", FALLING)
        page = site.page()
        wait_for_points(page, "train/loss", 60)
        expect(page.get_by_test_id("live")).to_have_text("live")
        site.server.kill()
        expect(page.get_by_test_id("offline")).to_have_text(re.compile(r"^server unreachable, retrying in \d+ s$"))
        assert points(page, "train/loss") == 60
        chart(page, "train/loss").locator(".u-over").hover()
        expect(page.get_by_test_id("tooltip")).to_contain_text("kept")
        page.get_by_test_id("tab-table").click()
        expect(page.get_by_test_id("table-row")).to_have_count(1)
        with running_server(tmp_path / "own", port=site.server.port, config_dir=tmp_path / "own-config"):
            expect(page.get_by_test_id("live")).to_have_text("live", timeout=30_000)
            expect(page.get_by_test_id("offline")).to_have_count(0)
            site.expected_errors.append("ERR_")
            site.close()
