"""Takes the picture of docs/serve.md: the page of `chash serve` with what a search in the embedded drawings finds.

    chash quickstart runs/drawings && python tools/photograph_page.py runs/drawings

Needs chromium with chromedriver, and selenium (the extra `test`).
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
MOST = 200_000
"""Bytes of the picture."""


def photograph(address: str, width: int, height: int, *, dark: bool = False) -> Image.Image:
    """What a window of that size shows when everything has arrived."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in ("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "hide-scrollbars"):
        options.add_argument(f"--{option}")
    with webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))) as driver:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(address)
        ready = (
            "const near = [...document.images].filter((x) => !x.hidden && x.getBoundingClientRect().top < innerHeight);"
            "return near.length > 5 && near.every((x) => x.complete && x.naturalWidth)"
        )
        deadline = time.monotonic() + 60
        while not driver.execute_script(ready):
            if time.monotonic() > deadline:
                raise TimeoutError("the page did not come to its end within a minute")
            time.sleep(0.1)
        time.sleep(0.5)  # the results fade in
        shot = base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
    return Image.open(io.BytesIO(shot)).convert("RGB")


def main() -> None:
    """Serve the run, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=DOCS / "serve.png")
    parser.add_argument("--path", default="/?q=brass+instrument", help="What is looked for, as the page has it.")
    parser.add_argument("--size", default="1200x720")
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    command = [sys.executable, "-m", "crossmodal_hash", "serve", str(given.run), "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip().rstrip("/")
        try:
            image = photograph(address + given.path, width, height, dark=given.dark)
        finally:
            server.terminate()
    file = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    if len(file.getvalue()) > MOST:
        raise SystemExit(f"the picture has {len(file.getvalue())} bytes, more than {MOST}")
    given.out.write_bytes(file.getvalue())
    print(f"{given.out}: {len(file.getvalue())} bytes")


if __name__ == "__main__":
    main()
