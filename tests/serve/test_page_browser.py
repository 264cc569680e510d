"""The page clicked through in headless Chromium: wide, on a phone, behind a prefix and a key."""

from __future__ import annotations

import asyncio
import shutil
import threading
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from plantain.pipeline.predictor import wrap
from plantain.serve.keys import parsed
from plantain.serve.settings import Settings
from serve.served import Painter, metres, until

pytest.importorskip("gradio", reason="the extra `page` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]  # fmt: skip
KEY = "0123456789abcdef"
WAIT_MS = 30_000
DISPOSED = "postProcessManager"  # Babylon, in Gradio's viewer of points, draws once more after it was taken away


@contextmanager
def serving(settings: Settings, prefix: str = ""):
    """A server on a free port of this machine."""
    import uvicorn

    from plantain.serve.app import create_app
    from plantain.serve.run import Server

    app = create_app({"fake": wrap(Painter()), "other": wrap(Painter())}, settings)

    async def proxied(scope, receive, send):  # as uvicorn gives what a proxy passes on below --prefix
        await app(scope | ({"root_path": prefix} if scope["type"] == "http" else {}), receive, send)

    config = uvicorn.Config(proxied, host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = Server(config, app)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.handle_exit(15, None)
        thread.join(30)
        assert not thread.is_alive(), "the server waits for a page that is open"


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def page_of(browser, url: str, **more):
    """A page, of which nothing may be fetched from anywhere else, and in which no script may fail."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | more)
    context.set_default_timeout(WAIT_MS)
    page, outside, crashes = context.new_page(), [], []
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(
        (url, "data:", "blob:")) else None)  # fmt: skip
    page.on("pageerror", lambda error: crashes.append(str(error)) if DISPOSED not in str(error) else None)
    yield page
    context.close()
    assert outside == [] and crashes == []


@pytest.fixture
def photo(tmp_path):
    """Dark on the left, bright on the right."""
    pixels = np.full((120, 160, 3), 40, np.uint8)
    pixels[:, 80:] = 200
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def drop(page, photo, question: str) -> None:
    page.set_input_files("#photo input[type=file]", photo)
    page.wait_for_selector("#photo img")
    page.fill("#question textarea", question)


def ask(page, photo, question: str) -> None:
    drop(page, photo, question)
    page.click("#ask")
    page.wait_for_selector("#viewer .pl-choices input", state="attached")


def show(page, tab: str) -> None:
    """Opens a tab and waits until it is what is shown."""
    page.get_by_role("tab", name=tab).click()
    page.wait_for_selector(f"[role=tab][aria-selected=true]:has-text('{tab}')")


def answered(page) -> None:
    """Waits until the page has gone to the answer by itself, as it does once one is there."""
    page.wait_for_selector("[role=tab][aria-selected=true]:has-text('Answer')")


def said(page) -> str:
    return page.inner_text("#viewer .pl-points")


def metres_in(text: str) -> float:
    return float(text.split(" m away")[0].split()[-1])


def test_asked_pointed_at_and_taken_away(chromium, photo) -> None:
    with serving(Settings(page=True)) as url, page_of(chromium, url) as page:
        page.goto(url)
        page.fill("#question textarea", "fnd the cups")
        page.click(".pl-try >> nth=0")
        page.wait_for_function("document.querySelector('#question textarea').value === 'find the cups'")
        page.click("#ask")
        assert "drop a photo first" in page.inner_text("#said .pl-bad")
        ask(page, photo, "metric depth")
        assert "Understood: metric depth" in page.inner_text("#understood")
        assert "depth:" in page.inner_text("#said")
        _points_and_keys(page)
        _views(page)
        _space(page)
        _legend(page)
        _compared(page)
        _taken_away(page)


def _points_and_keys(page) -> None:
    """The painter says 2.25 m of the dark half and 7.27 m of the bright one."""
    stage = page.locator("#viewer .pl-stage")
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 0.2, "y": box["height"] / 2})
    page.wait_for_selector("#viewer .pl-tip:visible")
    assert metres_in(page.inner_text("#viewer .pl-tip")) == pytest.approx(metres(40), rel=0.01)
    for share in (0.2, 0.8):
        stage.click(position={"x": box["width"] * share, "y": box["height"] / 2})
    page.wait_for_selector("#viewer .pl-apart")
    first, second = (line for line in said(page).splitlines() if " m away" in line)
    assert metres_in(first) == pytest.approx(metres(40), rel=0.01)
    assert metres_in(second) == pytest.approx(metres(200), rel=0.01)
    assert "say the camera" in said(page)
    page.get_by_text("Options", exact=True).click()
    page.fill("#fov input", "90")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('#viewer .pl-apart')?.textContent.includes('m apart')")
    ends = [np.array([(share - 0.5) * 160 * z / 80, -z]) for share, z in ((0.2, metres(40)), (0.8, metres(200)))]
    apart = float(page.inner_text("#viewer .pl-apart").split(": ")[1].split(" m apart")[0])
    assert apart == pytest.approx(np.linalg.norm(ends[1] - ends[0]), rel=0.02)
    stage.focus()
    page.keyboard.press("Escape")
    assert page.locator("#viewer .pl-mark").count() == 0
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")  # from the middle into the bright half
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer .pl-mark")
    page.wait_for_function("document.querySelector('#viewer .pl-points').textContent.includes('m away')")
    assert metres_in(said(page)) == pytest.approx(metres(200), rel=0.01)


def _views(page) -> None:
    """Every layer is a PNG that the browser can show; the slider lets the photo through."""
    over = page.locator("#viewer .pl-over")
    for view in ("painting", "confidence", "answer"):
        page.locator("#viewer .pl-choices label", has_text=view).click()
        page.wait_for_function("""view => { const over = document.querySelector('#viewer .pl-over');
            return over.alt.startsWith(view) && over.complete && over.naturalWidth > 0; }""", arg=view)  # fmt: skip
        assert over.get_attribute("src").endswith(".png")
    page.locator("#viewer .pl-opacity input").fill("30")
    assert over.evaluate("one => one.style.opacity") == "0.3"


def _space(page) -> None:
    show(page, "3-D")
    with page.expect_response(lambda answer: answer.url.endswith(".ply")) as cloud:
        page.click("#make-cloud")
    assert cloud.value.status == 200
    page.wait_for_selector("#cloud canvas")
    assert "of 19,200 points" in page.inner_text("[role=tabpanel]:visible")


def _legend(page) -> None:
    show(page, "Legend")
    names = page.locator("#legend input[type=text]")
    for i, name in enumerate(("wall", "cup")):
        names.nth(i).fill(name)
    page.locator("#legend input[type=color]").first.fill("#ff8800")
    page.click("#legend .pl-add")
    names.last.fill("lamp")
    page.get_by_label("take the class away").nth(2).click()
    assert names.count() == 3
    page.click("#segment")
    page.wait_for_function("document.querySelector('#said')?.textContent.includes('wall')")
    answered(page)
    assert "wall 100 %" in page.inner_text("#said")
    show(page, "Legend")
    assert [names.nth(i).input_value() for i in range(3)] == ["wall", "cup", "lamp"]
    assert page.locator("#legend input[type=color]").first.input_value() == "#ff8800"


def _compared(page) -> None:
    show(page, "Compare")
    page.click("#compare")
    page.wait_for_selector("#both .pl-choices input", state="attached")
    assert "they differ by 0%" in page.inner_text("[role=tabpanel]:visible")
    names = page.locator("#both [aria-label=Answer] label").all_inner_texts()
    assert [name.strip() for name in names] == ["fake", "other"]


def _taken_away(page) -> None:
    show(page, "Answer")
    page.get_by_text("Files", exact=True).click()
    page.wait_for_selector("#files a[download]")
    with page.expect_download() as download:
        page.locator("#files a[download]").first.click()
    assert download.value.suggested_filename == "photo.zip"
    assert "photo.semantic.npz" in zipfile.ZipFile(download.value.path()).namelist()


def test_on_a_phone_behind_a_prefix_and_a_key(chromium, photo) -> None:
    """Nothing is wider than the screen, a tap reads a value, and the browser asks for the key."""
    settings = Settings(page=True, keys=parsed([f"lab: {KEY}"]))
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    with serving(settings, "/plantain") as url:
        with page_of(chromium, url, **phone) as page, pytest.raises(playwright.Error, match="INVALID_AUTH_CREDENTIALS"):
            page.goto(f"{url}/plantain/")
        login = {"http_credentials": {"username": "me", "password": KEY}}
        with page_of(chromium, f"{url}/plantain/", **phone, **login) as page:
            page.goto(f"{url}/plantain/")
            assert page.url == f"{url}/plantain/ui/"
            ask(page, photo, "metric depth")
            page.wait_for_function("window.scrollY > 100")  # down to the answer
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            stage = page.locator("#viewer .pl-stage")
            box = stage.bounding_box()
            stage.tap(position={"x": box["width"] * 0.8, "y": box["height"] / 2})
            page.wait_for_selector("#viewer .pl-mark")
            page.wait_for_function("document.querySelector('#viewer .pl-points').textContent.includes('m away')")
            assert metres_in(said(page)) == pytest.approx(metres(200), rel=0.01)


def test_a_page_that_is_open_does_not_hold_the_server(chromium) -> None:
    """`serving` fails where it does: the stream by which the page says that it is there would never end."""
    context = chromium.new_context()
    page = context.new_page()
    with serving(Settings(page=True)) as url, page.expect_request(lambda request: "/heartbeat/" in request.url):
        page.goto(f"{url}/ui/")
    context.close()
