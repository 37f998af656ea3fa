"""What the live figure of chapter 9 knows: a few unseen days, and two priors learned from the days before them."""

import csv
import json
from pathlib import Path

import numpy as np
from sklearn.covariance import LedoitWolf

from fourier_meta import fourier_features

DATA = Path(__file__).parent.parent / "data" / "i94_days.csv"
SHOWN = {
    "2018-05-16": "a Wednesday in May",
    "2018-06-09": "a Saturday in June",
    "2018-07-04": "Independence Day",
    "2018-01-22": "a day of snow",
    "2017-12-25": "Christmas",
    "2017-11-23": "Thanksgiving",
}
FIRST_UNSEEN = "2017"


def priors_and_days():
    """JSON of mean, covariances (one diagonal, one full) and the days' coefficients, in 1,000 vehicles an hour."""
    with DATA.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    hours = np.arange(24) / 12 - 1
    inverse = np.linalg.pinv(fourier_features(hours, 25))
    effective = {row[0]: inverse @ (np.array(row[1:], float) / 1000) for row in rows}
    old = np.array([values for date, values in effective.items() if date < FIRST_UNSEEN])
    mean, full = old.mean(axis=0), LedoitWolf().fit(old).covariance_
    days = [{"name": name, "effective": rounded(effective[date])} for date, name in SHOWN.items() if date in effective]
    priors = {"mean": rounded(mean), "diagonal": rounded(np.diag(np.diag(full))), "full": rounded(full), "noise": 0.01}
    return json.dumps(priors | {"days": days})


def rounded(values):
    return np.round(values, 5).tolist()
