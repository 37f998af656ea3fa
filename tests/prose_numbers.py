"""Does every number that a text quotes stand in what the notebook computes?

A number counts as quoted when it has a decimal point or an exponent, or is a whole number of three digits or more;
smaller whole numbers ("5 tasks") count things and would match anything. Equations, code and links are not prose.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

# What may contain digits without quoting a result.
NOT_PROSE = [
    r"```.*?```",
    r"`[^`]*`",
    r"\$\$.*?\$\$",
    r"\$[^$]*\$",
    r"!?\[[^\]]*\]\([^)]*\)",
    r"https?://\S+",
    r"<[^>]*>",
    r"arXiv:\d{4}\.\d{4,5}",
    r"doi:\S+",
]
NAMES = [
    r"(?:Python|PyTorch|torch|NumPy|scikit-learn|Matplotlib|JupyterLab|ipywidgets)\s+\d[\d.]*",
    r"(?:[Ss]ections?|[Ff]igures?|[Tt]ables?|[Ee]quations?|[Cc]hapters?|Eq\.|Fig\.|§)\s*\(?\d[\d.]*",
]

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
QUOTED = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?!\.?\d)(\s?%)?", re.IGNORECASE)
ANY_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def prose(markdown: str) -> str:
    """The words of a Markdown cell, without code, equations, links and HTML."""
    for pattern in NOT_PROSE:
        markdown = re.sub(pattern, " ", markdown, flags=re.DOTALL)
    return markdown


def plain(text: str) -> str:
    """Write 1,000 as 1000, a minus sign as a hyphen, and 3 × 10⁻⁵ as 3e-5."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text.replace("−", "-"))
    text = re.sub(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: "1e" + power[1].translate(SUPERSCRIPTS), text)
    return re.sub(r"\s*[×·]\s*1e", "e", text)


@dataclass(frozen=True)
class Quoted:
    written: str
    value: float
    half: float  # of its last digit: what rounding may have taken away
    percent: bool

    def stands_in(self, known: list[float]) -> bool:
        """Is there a known number that rounds to this one? (34 % may stand there as 0.34.)"""
        scales = (1.0, 0.01) if self.percent else (1.0,)
        return any(
            has_between(known, scale * (self.value - self.half), scale * (self.value + self.half)) for scale in scales
        )


def quoted_numbers(markdown: str) -> list[Quoted]:
    text = prose(markdown)
    for pattern in NAMES:
        text = re.sub(pattern, " ", text)
    found = QUOTED.findall(plain(text))
    small_counts_and_years = re.compile(r"\d{1,2}|(19|20)\d\d")
    return [
        Quoted(token + percent, float(token), half_of_last_digit(token), bool(percent))
        for token, percent in found
        if not small_counts_and_years.fullmatch(token)
    ]


def half_of_last_digit(token: str) -> float:
    """0.5e-5 for 1e-5, 0.05 for 3.6, 0.5 for 257, and 50 for 1200: two digits of a round number are taken as meant."""
    mantissa, _, exponent = token.lower().partition("e")
    if re.fullmatch(r"0\.0*[1-9]", token):
        return 0.0  # a setting such as 0.1, or else too coarse to tell a slip from a result
    if "." in mantissa or exponent:
        return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    zeros = len(mantissa) - len(mantissa.rstrip("0"))
    return 0.5 * 10.0 ** min(zeros, len(mantissa) - 2)


def numbers_in(texts: list[str]) -> list[float]:
    """Every number in the texts, without signs, in increasing order."""
    return sorted(float(token) for text in texts for token in ANY_NUMBER.findall(plain(text)))


def has_between(known: list[float], low: float, high: float) -> bool:
    slack = 1e-9 * high
    position = bisect_left(known, low - slack)
    return position < len(known) and known[position] <= high + slack
