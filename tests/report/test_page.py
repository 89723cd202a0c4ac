"""The page holds what was measured, for every kind of run, and nothing in it runs."""

import re
import sys
from base64 import b64decode
from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from walks import EVIL, Walk, evaluated, make_run

from wildrobot_cli.cli import eval_view
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.report.animation import Animation
from wildrobot_cli.report.page import check_report, write_report


class Elements(HTMLParser):
    """The page's elements, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(page_file):
    return page_file.read_text()


@pytest.fixture(scope="module")
def text(page):
    return " ".join(Elements(page).text.split())


def test_every_picture_is_inside_the_page_and_captioned(page):
    found = Elements(page)
    assert found.tags.count("img") == 14 + 2
    assert found.tags.count("figcaption") == 14 + 2 + 1
    kinds = ("data:image/svg+xml;base64,", "data:video/mp4;base64,")
    assert all(source.startswith(kinds) for source in found.sources)
    assert "link" not in found.tags


def test_figures_gate_and_run_are_told(text):
    assert "Passed: 2 gates held" in text
    assert "successes3 of 3" in text
    for fact in ("control steps of training2,007,040", "seed3", "versionsmujoco 3.17.0"):
        assert fact in text


def test_an_animation_that_fails_leaves_the_page_and_its_reason(
    robot, config, tmp_path, monkeypatch
):
    pytest.importorskip("PIL")

    def broken(*_):
        raise EnvironmentUnavailable("the screen went away")

    evaluation = evaluated(robot, flat=Walk().trajectory())
    monkeypatch.setattr(eval_view, "animate", broken)
    monkeypatch.setattr(eval_view, "evaluate", lambda *asked: asked[-1](evaluation))
    run, page = make_run(tmp_path, config), tmp_path / "page.html"
    run.config_file = "ppo.yaml"
    request = eval_view.EvalRequest(
        run=run,
        scenarios=("flat",),
        episodes=None,
        overrides=(),
        checkpoint=None,
        against=None,
        sim_to_sim=False,
        video=tmp_path / "walk.gif",
        report=page,
        no_rendering=None,
        json=None,
    )
    with pytest.raises(EnvironmentUnavailable, match="the screen went away"):
        eval_view.run_evaluation(request)
    assert "No animation: the screen went away" in page.read_text()


def test_other_scenarios_than_the_first_are_folded(page):
    found = Elements(page)
    assert found.tags.count("details") == 1
    assert "Following commands: flat" in found.text and "Scenario turning" in found.text


def test_a_scenario_that_is_not_drawn_whole_says_how_much_of_it_is(tmp_path, robot, config):
    walk = Walk().trajectory()
    evaluation = evaluated(robot, flat=walk, icy=walk)
    evaluation.trajectories["icy"] = walk.only(slice(2))
    path = tmp_path / "report.html"
    write_report(path, make_run(tmp_path, config), robot, evaluation, Animation())
    assert "Scenario icy, 2 of 3 episodes" in path.read_text()


def test_names_stay_text(page):
    found = Elements(page)
    assert "script" not in found.tags
    assert EVIL in found.text
    for picture in re.findall(r"svg\+xml;base64,([^\"]*)", page):
        assert b"<script" not in b64decode(picture)


def test_the_page_forbids_scripts_and_requests(page):
    policy = re.search(r'content="(default-src[^"]*)"', page)[1]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def test_robots_that_fell_at_once_get_a_page_even_without_metrics(tmp_path, robot, config):
    run = make_run(tmp_path, config)
    run.metrics_file.unlink()
    run.provenance_file.write_text("damaged")
    evaluation = evaluated(robot, flat=Walk(episodes=1, last=0).trajectory())
    path = tmp_path / "report.html"
    write_report(path, run, robot, evaluation, Animation(missing="no OpenGL here"))
    found = Elements(path.read_text())
    text = " ".join(found.text.split())
    assert "FAILED: 1 of 1 gates flat: success_rate 0, expected at least 0.95" in text
    assert "successes0 of 1" in text
    assert "No animation: no OpenGL here" in text
    assert found.tags.count("img") == 10 and "Learning" not in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("page.pdf", "expected a name that ends in .html"),
        ("nowhere/page.html", "no such folder"),
        ("folder.html", "expected the name of a file"),
    ],
)
def test_a_place_that_does_not_fit_is_refused(tmp_path, name, message):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ConfigError, match=message):
        check_report(tmp_path / name)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[plots\]'"):
        check_report(tmp_path / "page.html")
