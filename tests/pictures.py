"""Compare pictures by what is seen: base64 PNG, as notebooks store them."""

import base64
import io

import numpy as np
from PIL import Image

# Fonts and anti-aliasing differ a little between builds of matplotlib. On the book's kind of figure, swapped data
# changes about 1 % of the pixels by more than this many grey levels of 255, and rounding noise changes none.
GREY_LEVELS = 32
PIXELS = 0.002


def pictures(outputs) -> list[str]:
    return [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def picture_problem(new: list[str], stored: list[str]) -> str | None:
    """What is wrong with the new pictures (base64 PNG) against the stored ones; None if nothing is."""
    if len(new) != len(stored):
        return f"{len(stored)} pictures are stored, the cell draws {len(new)}"
    for number, (a, b) in enumerate(zip(map(grey, new), map(grey, stored), strict=True), start=1):
        if a.shape != b.shape:
            return f"picture {number}: stored with {b.shape[::-1]} pixels, drawn with {a.shape[::-1]}"
        changed = np.mean(np.abs(a - b) > GREY_LEVELS)
        if changed > PIXELS:
            return f"picture {number}: {changed:.1%} of its pixels differ from the stored one"
    return None


def grey(png: str) -> np.ndarray:
    """Grey levels 0 to 255 of a base64 PNG over white, as signed integers, (height, width)."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(paper, picture).convert("L"), dtype=int)
