"""The page in a real browser. Needs chromium: `make browser-test`."""
