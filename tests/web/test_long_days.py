"""The page as it is kept open all day: many runs, many charts, requests that fail, and how much it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

VALUES = [1 / (step + 1) for step in range(30)]

#: The contrast of every text that can be seen, as [ratio, text] of those below 4.5 : 1.
LOW_CONTRAST = """() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!says || !element.checkVisibility()) continue;
    let paper = null;
    let opacity = 1;
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      opacity *= Number(style.opacity);
      const color = numbers(style.backgroundColor);
      if (paper === null && (color[3] ?? 1) === 1) paper = color.slice(0, 3);
    }
    const written = numbers(getComputedStyle(element).color).slice(0, 3);
    const ink = written.map((v, i) => v * opacity + paper[i] * (1 - opacity));
    const [bright, dim] = [light(ink), light(paper)].sort((a, b) => b - a);
    const ratio = (bright + 0.05) / (dim + 0.05);
    if (ratio < 4.5) found.push([Number(ratio.toFixed(2)), element.textContent.slice(0, 40)]);
  }
  return found;
}"""


def chart(page: Page, key: str) -> Locator:
    return page.locator(f'[data-testid=chart][data-key="{key}"]')


def count_series(page: Page) -> list[str]:
    """Return a list that grows by the key of every series that the page asks for."""
    asked: list[str] = []

    def hear(request: Request) -> None:
        if request.url.endswith("/series"):
            asked.extend(json.loads(request.post_data or "{}")["keys"])

    page.on("request", hear)
    return asked


def fail(route: Route) -> None:
    error = {"code": "broken", "message": "the disk is on fire; put it out"}
    route.fulfill(status=500, content_type="application/json", body=json.dumps({"error": error}))


def test_new_points_are_appended_without_asking_for_the_series_again(site: Any) -> None:
    run = site.start_run(name="slow")
    run.log({"loss": 1.0})
    page = site.page("?x=step")
    expect(chart(page, "loss")).to_have_attribute("data-points", "1")
    expect(page.get_by_test_id("live")).to_have_text("live")
    asked = count_series(page)
    for row in range(2, 7):
        run.log({"loss": 1 / row})
        expect(chart(page, "loss")).to_have_attribute("data-points", str(row))
    assert len(asked) <= 2
    page.reload()
    expect(chart(page, "loss")).to_have_attribute("data-points", "6")
    run.finish()


def test_a_metric_that_comes_late_and_only_once_gets_its_chart(site: Any) -> None:
    run = site.start_run(name="late")
    run.log({"loss": 1.0})
    page = site.page()
    expect(chart(page, "loss")).to_have_attribute("data-points", "1")
    expect(page.get_by_test_id("live")).to_have_text("live")
    run.log({"test/accuracy": 0.9})
    expect(chart(page, "test/accuracy")).to_have_attribute("data-points", "1", timeout=10_000)
    run.finish()


def test_charts_out_of_sight_or_folded_ask_for_nothing_and_known_ones_not_again(site: Any) -> None:
    with site.start_run(name="wide") as run:
        run.log({f"{section}/{number:02}": 1.0 for section in ("a", "b") for number in range(30)})
    page = site.page("?fold=b")
    expect(chart(page, "a/00")).to_have_attribute("data-points", "1")
    expect(chart(page, "a/29")).to_have_attribute("data-points", "0")
    asked = count_series(page)
    chart(page, "a/29").scroll_into_view_if_needed()
    expect(chart(page, "a/29")).to_have_attribute("data-points", "1")
    chart(page, "a/00").scroll_into_view_if_needed()
    page.get_by_role("button", name="b 30").click()
    chart(page, "b/00").scroll_into_view_if_needed()
    expect(chart(page, "b/00")).to_have_attribute("data-points", "1")
    assert len(asked) == len(set(asked))
    assert "a/00" not in asked


def test_an_error_of_one_chart_stays_in_it_and_can_be_tried_again(site: Any) -> None:
    site.log_run("broken", VALUES)
    site.expected_errors.append("500")
    page = site.page("//login")
    page.route("**/series", fail)
    page.goto(site.address())
    expect(chart(page, "train/loss").get_by_role("alert")).to_contain_text("put it out")
    expect(page.get_by_test_id("run-row")).to_have_count(1)
    page.unroute("**/series")
    chart(page, "train/loss").get_by_role("button", name="try again").click()
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "30")
    expect(chart(page, "train/loss").get_by_role("alert")).to_have_count(0)


def test_curves_stay_when_they_cannot_be_brought_up_to_date(site: Any) -> None:
    site.log_run("kept", VALUES)
    site.expected_errors.append("500")
    page = site.page()
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "30")
    page.route("**/series", fail)
    page.get_by_test_id("smoothing").fill("0.5")
    mark = chart(page, "train/loss").get_by_role("button", name="not current")
    expect(mark).to_have_attribute("title", "the disk is on fire; put it out; click to try again")
    assert chart(page, "train/loss").get_attribute("data-points") == "30"
    page.unroute("**/series")
    mark.click()
    expect(mark).to_have_count(0)


def test_details_that_do_not_load_cost_only_themselves(site: Any) -> None:
    run_id = site.log_run("partly", VALUES, config={"lr": 0.25})
    site.expected_errors.append("500")
    page = site.page()
    page.route(f"**/api/v1/runs/**/{run_id}", fail)
    page.get_by_role("link", name="partly").click()
    expect(page.get_by_role("alert")).to_contain_text("put it out")
    expect(page.get_by_test_id("card-config")).to_contain_text("0.25")
    page.go_back()
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "30")


def test_a_table_of_thousands_of_runs_makes_only_the_rows_in_sight(site: Any) -> None:
    site.log_run("one of many", VALUES)
    page = site.page("//login")
    listing = page.request.get(f"{site.server.base_url}/api/v1/projects/me/{site.project}/runs").json()
    first = listing["runs"][0]
    listing["runs"] = [{**first, "id": f"run{n:04}", "name": f"run {n}", "created_at": 4000 - n} for n in range(4000)]
    page.route("**/runs?limit=*", lambda route: route.fulfill(json=listing))
    page.goto(site.address("?tab=table"))
    expect(page.get_by_test_id("count")).to_contain_text("4000 runs")
    expect(page.get_by_role("link", name="run 0", exact=True)).to_be_visible()
    assert page.get_by_test_id("table-row").count() < 120
    page.locator(".table-frame").evaluate("(frame) => frame.scrollTo(0, frame.scrollHeight)")
    expect(page.get_by_role("link", name="run 3999", exact=True)).to_be_in_viewport()
    assert page.get_by_test_id("table-row").count() < 120
    page.locator("[data-column=name] button").click()
    page.locator(".table-frame").evaluate("(frame) => frame.scrollTo(0, 0)")
    expect(page.get_by_test_id("table-row").locator("a").first).to_have_text("run 3999")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["//", "?hide={id}", "?tab=table", "/runs/{id}"])
def test_all_text_can_be_read(site: Any, where: str, scheme: str) -> None:
    with site.start_run(name="failed") as run:
        run.log({"train/loss": 1.0})
        run.finish(exit_code=1)
    hidden = site.log_run("hidden", VALUES)
    page = site.page(where.format(id=hidden), color_scheme=scheme)
    page.wait_for_selector(
        "[data-testid=projects], [data-testid=table-row], [data-testid=card-config], [data-points='1']"
    )
    if page.get_by_test_id("run-row").count():
        page.locator(f"[data-testid=run-row][data-run-id='{run.id}']").hover()
    assert page.evaluate(LOW_CONTRAST) == []


def test_a_project_that_is_not_there_says_how_to_make_it(site: Any) -> None:
    site.expected_errors.append("404")
    page = site.page(size=(390, 844))
    expect(page.get_by_test_id("empty")).to_contain_text("These lines make it")
    expect(page.get_by_test_id("empty")).to_contain_text(site.server.base_url)
    expect(page.get_by_role("button", name="copy")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    site.log_run("the first", VALUES)
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "30", timeout=10_000)


def test_a_login_link_of_an_earlier_server_says_so(site: Any) -> None:
    site.expected_errors.append("401")
    page = site.page("//#login=of-an-earlier-process", log_in=False)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_test_id("api-key")).to_be_visible()
    assert "login=" not in page.url


@pytest.mark.parametrize("query", ["x=constructor", "smooth=NaN", "zoom=b:a", "sort=-config:__proto__", "tab=toString"])
def test_an_address_that_means_nothing_shows_the_usual(site: Any, query: str) -> None:
    site.log_run("usual", VALUES)
    page = site.page(f"?{query}")
    expect(chart(page, "train/loss")).to_have_attribute("data-points", "30")
    expect(page.get_by_test_id("x-axis")).to_have_value("step")
