"""The page in a real browser, without a network: Debian's `chromium` will do."""

import io

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytest.importorskip("PIL")

from browser import browser, find_browser
from PIL import Image
from walks import EVIL

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no browser here (Debian: apt install chromium)"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory, page_file):
    """The page, opened."""
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.show(1280)
        page.open(page_file)
        yield page


def told(page, *names):
    return [parameters for name, parameters in page.events if name in names]


def test_it_opens_offline_whole_and_quiet(opened):
    decoded = "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    widths = opened.ask(decoded)
    assert len(widths) == 14 + 2
    assert min(widths) > 0
    assert told(opened, "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == []
    assert [entry["entry"]["text"] for entry in told(opened, "Log.entryAdded")] == []
    asked = [event["request"]["url"] for event in told(opened, "Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [opened.ask("location.href")]


def test_its_animation_plays(opened):
    playing = """new Promise(done => { const v = document.querySelector("video");
        v.readyState >= 2 ? done() : v.addEventListener("loadeddata", done); })
        .then(() => [document.querySelector("video").videoWidth,
                     document.querySelector("video").videoHeight])"""
    assert opened.ask(playing) == [480, 540]


def test_names_do_not_run(opened):
    assert opened.ask("document.title") == f"{EVIL} - wildrobot"
    assert opened.ask("document.querySelector('h1').textContent") == EVIL
    assert opened.ask("document.scripts.length") == 0


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_nothing_sticks_out(opened, width):
    opened.show(width)
    assert opened.ask("document.documentElement.scrollWidth") <= width


def brightness(page, path):
    """Mean brightness of a picture of a picture: the first figure of the page, in 0..255."""
    box = page.ask("""(() => { const i = [...document.images][0]; i.scrollIntoView();
        const b = i.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })()""")
    page.picture(path)
    y = page.ask("window.scrollY")
    shot = Image.open(io.BytesIO(path.read_bytes())).convert("L")
    top = 0 if shot.height <= 900 else y
    return np.asarray(shot.crop((box[0], box[1] + top, box[2], box[3] + top))).mean()


def test_pictures_are_dark_on_a_dark_page_and_light_on_a_light_one(opened, tmp_path):
    opened.show(1280, scheme="light")
    assert brightness(opened, tmp_path / "light.png") > 200
    opened.show(1280, scheme="dark")
    assert brightness(opened, tmp_path / "dark.png") < 80


def test_it_prints(opened):
    assert opened.printed().startswith(b"%PDF")
