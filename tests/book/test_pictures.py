"""Pictures are compared by what is seen: a swapped or changed one differs, other paper does not."""

import base64
import io

from pictures import picture_problem
from PIL import Image, ImageDraw


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def line(slope, size=(400, 300), paper="white"):
    picture = Image.new("RGBA", size, paper)
    ImageDraw.Draw(picture).line([(0, 150), (399, 150 + slope)], fill=(0, 0, 0, 255), width=4)
    return png(picture)


def test_pictures_are_compared_by_what_is_seen():
    assert picture_problem([line(0)], [line(0)]) is None
    assert picture_problem([line(0)], [line(0, paper=(255, 255, 255, 0))]) is None  # transparent paper looks white
    assert picture_problem([line(0)], [line(0, paper=(250, 250, 250, 255))]) is None
    assert "of its pixels differ" in picture_problem([line(0)], [line(100)])
    assert "stored with (400, 299) pixels" in picture_problem([line(0)], [line(0, size=(400, 299))])
    assert "1 pictures are stored, the cell draws 0" in picture_problem([], [line(0)])
    assert picture_problem([line(0), line(100)], [line(100), line(0)]) is not None
