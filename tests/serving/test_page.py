"""The page in a real browser, driven by its driver."""

import base64
import io
import shutil
import time
from urllib.parse import quote

import pytest
from asking import SCRIPT
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A browser without a window; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: no browser was driven")
    from selenium.webdriver.chrome.service import Service

    program, drives = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if program is None or drives is None:
        pytest.skip("there is no chromium with its chromedriver on PATH, so the page was not opened in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(f"--{option}")
    with webdriver.Chrome(options=options, service=Service(drives)) as found:
        found.set_window_size(1200, 900)
        found.set_script_timeout(20)
        yield found


class Page:
    """What a person does."""

    def __init__(self, driver, port):
        self.driver, self.base = driver, f"http://127.0.0.1:{port}"

    def open(self, path="/"):
        self.driver.get(self.base + path)
        self.settled()
        return self

    def run(self, script, *given):
        return self.driver.execute_script(script, *given)

    def wait(self, script, *given):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if found := self.run(f"return {script}", *given):
                return found
            time.sleep(0.03)
        raise AssertionError(f"{script}\n{self.run('return document.body.innerText')}")

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def settled(self):
        self.wait(
            "document.readyState === 'complete' && !/^(Loading|Searching…)$/.test(byId('status').textContent) "
            "&& byId('results').getAttribute('aria-busy') !== 'true'"
        )

    def see(self, css):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def texts(self):
        return self.run("return [...document.querySelectorAll('#results .text')].map((x) => x.textContent)")

    @property
    def status(self):
        return self.run("return byId('status').textContent")

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture
def page(driver, port):
    opened = Page(driver, port).open()
    opened.complaints()
    yield opened
    assert opened.complaints() == []
    assert opened.run("return window.hacked") is None


def test_a_person_types_sees_asks_for_more_like_one_and_goes_back(page):
    from selenium.webdriver.common.keys import Keys

    assert len(page.see(".card")) == 18
    assert page.see("#name")[0].text == "toys"
    page.see("#words")[0].send_keys("red thing")
    page.wait("location.search === '?q=red+thing'")
    page.press(Keys.ENTER)
    page.settled()
    first = page.texts
    assert len(first) == 36
    assert page.status == "The 36 nearest of 36 pictures"
    page.wait("[...document.images].slice(0, 4).every((x) => x.hidden || x.naturalWidth === 32)")
    assert all(image.get_attribute("alt") for image in page.see(".card img"))
    page.see(".card a")[3].click()
    page.wait("new URLSearchParams(location.search).has('item')")
    page.settled()
    page.wait("!byId('asked').hidden")
    assert first[3][:20] in page.see("#asked-text")[0].text
    # The item itself is shown above, and not again.
    assert len(page.texts) == 35
    page.driver.back()
    page.wait("byId('words').value === 'red thing'")
    page.settled()
    page.wait("document.querySelectorAll('#results .card').length === 36")
    assert page.texts == first
    page.driver.back()
    page.wait("byId('words').value === '' && document.querySelectorAll('#results .card').length === 18")
    page.driver.forward()
    page.wait("byId('words').value === 'red thing' && document.querySelectorAll('#results .card').length === 36")


def test_labels_filter_and_the_address_knows_it(page):
    page.open("/?q=thing")
    for button in page.see("#labels button"):
        if button.text.startswith("green"):
            button.click()
            break
    page.wait("location.search === '?q=thing&label=green'")
    assert {text.split()[0] for text in page.texts} == {"green"}
    assert page.status == "12 of the 36 nearest of 36 pictures: green"
    assert page.run("return document.activeElement.dataset.label") == "green"
    page.driver.refresh()
    page.settled()
    page.wait("document.querySelectorAll('#labels [aria-pressed=true]').length === 1")
    assert len(page.texts) == 12
    page.open("/?q=thing&label=green&label=red")
    assert page.texts == []
    assert "None of the 36" in page.see("#nothing")[0].text


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_a_picture_is_searched_with(page, tmp_path, way):
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (220, 30, 30)).save(file, "PNG")
    if way == "choose":
        (tmp_path / "red.png").write_bytes(file.getvalue())
        page.run("byId('file').hidden = false")
        page.see("#file")[0].send_keys(str(tmp_path / "red.png"))
    else:
        page.run(
            """
            const bytes = Uint8Array.from(atob(arguments[0]), (x) => x.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], 'red.png', { type: 'image/png' }));
            if (arguments[1] === 'paste') {
              document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried, cancelable: true }));
            } else for (const kind of ['dragover', 'drop']) {
              const options = { dataTransfer: carried, bubbles: true, cancelable: true };
              document.body.dispatchEvent(new DragEvent(kind, options));
            }
            """,
            base64.b64encode(file.getvalue()).decode(),
            way,
        )
    page.wait("new URLSearchParams(location.search).has('code')")
    page.settled()
    found = page.texts
    assert len(found) == 36
    assert page.run("return byId('asked-picture').naturalWidth") == 64
    # The address holds the code, so that it is still an answer after a reload, which loses the picture.
    page.see(".card a")[0].click()
    page.wait("new URLSearchParams(location.search).has('item')")
    page.settled()
    page.driver.back()
    page.wait("new URLSearchParams(location.search).has('code')")
    page.settled()
    page.wait("byId('asked-picture').naturalWidth === 64")
    assert page.texts == found
    page.driver.refresh()
    page.settled()
    assert sorted(page.texts) == sorted(found)
    assert "no longer here" in page.see("#asked-text")[0].text


def test_everything_is_reached_by_keys_and_what_has_the_focus_is_seen(page):
    from selenium.webdriver.common.keys import Keys

    def seen():
        return page.run(
            "const x = document.activeElement, y = x.closest('.card, .field, label') || x;"
            "const ring = (z) => { const s = getComputedStyle(z);"
            "  return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; };"
            "return [x.id || x.textContent, ring(x) || ring(y)]"
        )

    page.press("/")
    assert seen() == ["words", True]
    page.press("blue thing", Keys.ENTER)
    page.wait("location.search === '?q=blue+thing'")
    page.settled()
    visited = []
    for _ in range(12):
        page.press(Keys.TAB)
        visited.append(seen())
    assert all(ring for _, ring in visited), visited
    names = [name for name, _ in visited]
    assert names[:2] == ["choose", names[1]]
    assert "More like this" in names
    page.press("/", Keys.ARROW_DOWN)
    at = "return [...document.querySelectorAll('#results .card')].findIndex((x) => x.contains(document.activeElement))"
    assert page.run(at) == 0
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert page.run(at) == 1
    page.press(Keys.ARROW_DOWN)
    columns = page.run(at) - 1
    assert columns >= 3
    page.press(Keys.HOME, Keys.ENTER)
    page.wait("new URLSearchParams(location.search).has('item')")
    page.settled()
    page.wait("document.activeElement === byId('results')")


def test_texts_and_ids_of_items_are_shown_and_never_run(page):
    page.open(f"/?q={quote(SCRIPT)}")
    assert any(SCRIPT in text for text in page.texts)
    assert page.see("#words")[0].get_attribute("value") == SCRIPT
    assert page.run("return document.querySelectorAll('#results script, #results [onerror], #labels b').length") == 0
    page.open(f"/?item={quote(f'images/{SCRIPT}.png', safe='')}&label={quote(SCRIPT)}")
    assert SCRIPT in page.see("#labels")[0].text
    page.open("/?q=%3Cimg%20src=x%3E&in=%3Cscript%3E")
    assert len(page.texts) == 36


def test_what_goes_wrong_is_said_and_can_be_tried_again(page):
    page.open("/?item=no%20such")
    page.wait("!byId('error').hidden")
    assert page.see("#error-text")[0].text == "There is no item with this id."
    page.complaints()  # of the status 404
    page.run("window.real = fetch; window.fetch = () => Promise.reject(new TypeError('off'))")
    page.see("#words")[0].send_keys("red\n")
    page.wait("byId('error-text').textContent.startsWith('The server does not answer')")
    page.run("window.fetch = real")
    page.see("#again")[0].click()
    page.settled()
    page.wait("byId('error').hidden && document.querySelectorAll('.card').length === 36")


def test_it_waits_aloud(page):
    page.run(
        "window.real = fetch; window.fetch = (...x) => new Promise((done) => { release = () => done(real(...x)); })"
    )
    page.see("#words")[0].send_keys("red\n")
    page.wait("byId('status').textContent === 'Searching…' && byId('results').getAttribute('aria-busy') === 'true'")
    page.run("window.fetch = real; release()")
    page.settled()
    assert len(page.texts) == 36


@pytest.mark.parametrize("width", [390, 1200])
def test_it_is_light_or_dark_and_nothing_is_wider_than_the_window(page, width):
    paper = {}
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.open("/?q=red")
        shot = base64.b64decode(page.driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
        with Image.open(io.BytesIO(shot)) as image:
            paper[scheme] = image.convert("L").getpixel((2, 300))
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        cut = "return [...document.querySelectorAll('.foot')].filter((x) => x.scrollWidth > x.clientWidth).length"
        assert page.run(cut) == 0
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.scheme("light")
    assert paper["light"] > 230
    assert paper["dark"] < 40


def test_words_are_dark_enough_on_their_ground(page):
    """WCAG 2, AA: 4.5 to 1."""
    ratio = """
      const light = (x) => {
        const [r, g, b] = x.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
          .map((v) => (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4));
        return .2126 * r + .7152 * g + .0722 * b;
      };
      const ground = (x) => {
        for (; x; x = x.parentElement) {
          const c = getComputedStyle(x).backgroundColor;
          if (!/, 0\\)$/.test(c)) return c;
        }
        return 'rgb(255, 255, 255)';
      };
      return [...document.querySelectorAll('p, a, button, label, legend, #labels span')]
        .filter((x) => x.offsetParent && x.textContent)
        .map((x) => { const a = light(getComputedStyle(x).color), b = light(ground(x));
          return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), x.id || x.className || x.textContent]; })
        .filter(([found]) => found < 4.5);
    """
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        for path in ("/", "/?q=red&label=red", "/?item=images%2F07.png"):
            page.open(path)
            time.sleep(0.2)  # the results fade in
            assert page.run(ratio) == [], (scheme, path)
    page.scheme("light")
