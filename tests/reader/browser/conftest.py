"""One browser for all tests of this folder; each test opens contexts of its own in it."""

import pytest
from chromium import ARGUMENTS, CHROMIUM
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
