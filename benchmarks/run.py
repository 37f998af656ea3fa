"""make bench: this package beside its peers, on the same work; writes one page, one figure and the numbers themselves.

Nothing is reported unless all gradients agree first: a section whose peers disagree ends the run with an error.
"""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from measure import child

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PACKAGES = ("numpy", "jax", "torch", "torchopt", "higher", "learn2learn")
OURS = "fourier_meta"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redraw", action="store_true", help="write page and figure from the stored numbers")
    parser.add_argument("--wide", action="store_true", help="measure many features only, and keep the other numbers")
    options = parser.parse_args()
    if options.redraw or options.wide:
        numbers = json.loads((NOTEBOOKS / "results" / "benchmarks.json").read_text(encoding="utf-8"))
    else:
        numbers = measured()
    if options.wide:
        numbers["wide"] = say("many_features", 1)
    if not options.redraw:
        write(NOTEBOOKS / "results" / "benchmarks.json", json.dumps(numbers, indent=1) + "\n")
    write(NOTEBOOKS / "benchmarks.md", page(numbers))
    draw(numbers, NOTEBOOKS / "results" / "benchmarks.png")


def measured():
    """All sections, each in a process of its own."""
    cores = [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    numbers = {"machine": machine(), "agreement": say("agreement", 1)}
    numbers["base"] = {f"{dtype}, {n}": say("base", n, dtype) for dtype in ("float64", "float32") for n in cores}
    numbers["floor"] = say("floor", 1)
    numbers["startup"] = say("startups", None)
    numbers["memory"] = say("memory", 1)
    numbers["wide"] = say("many_features", 1)
    numbers["growth"] = {axis: say("growth", 1, axis) for axis in ("features", "tasks", "K")}
    return numbers


def say(section, cores, *arguments):
    print(f"measuring: {section} {' '.join(arguments)} {f'on {cores} core(s)' if cores else ''}", flush=True)
    return child(section, *arguments, cores=cores)


def machine():
    """What the times depend on."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GB",
        "load": f"{os.getloadavg()[0]:.1f} processes at the start",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(path, text):
    """Write beside, then rename."""
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


# ------------------------------------------------------------------------------------------ the page


PAGE = """\
# Compare the speed with other libraries

Every library computes the same meta-gradient from the same numbers, and no time was taken before all of them agreed:
at {n_sizes} sizes in float64 their gradients differ by at most {worst:.0e} of the largest entry.
Times are medians of rounds in which all take turns, in one process.
`make bench` writes this page.

```{{figure}} results/benchmarks.png
:figclass: book-figure
:alt: Bars of the time of a training step with each library, and three panels on log axes in which the time of a \
gradient grows with features, tasks and inner steps along nearly straight lines.

The time of a training step, and how the time of a gradient grows with features, tasks and inner steps.
```

## A training step on fresh tasks

257 features, 15 tasks of 64 points to train on and 64 to validate on, 5 inner steps.
Each step draws new tasks, looks their features up in the same table, computes the meta-gradient and moves the weights
with Adam; all libraries end at the same weights.
In brackets, the time as a multiple of this package's: **below 1.00 the other library is faster**.

{step}

## The gradient alone, of given data

{gradient}

## Reptile

The mean displacement of the weights after 5 joint inner steps, of given data.

{reptile}

## Start and memory

A fresh process: importing, the first training step (which compiles, where something compiles), and the largest memory
of a short run; for this package, of a default run of 1,000 steps.
Running 10,000 steps instead of 100 adds {memory:.1f} MB.

{startup}

## Distance to the floor

{floor}

## Growth

Slopes of log time against log size, from the smallest size to the largest.

{growth}

## Many features

A gradient of 15 tasks of 64 + 64 points with 5 inner steps, which has to make its features or its tables first, in
milliseconds of one core's processor time; {wide_agreement}
*Features*: chapter 3's algorithm, a few tasks at a time. *Tables*: chapter 8's, written for this package and once more
for JAX, which differentiates it by itself. {wide_winners} The last column is a whole training step of this package.

{wide}

## The machine

{machine}
"""


def page(numbers):
    """The whole page, in Markdown."""
    base = numbers["base"]
    return PAGE.format(
        n_sizes=len(numbers["agreement"]),
        worst=max(line["worst"] for line in numbers["agreement"]),
        memory=numbers["memory"]["growth_megabytes"],
        startup=startup_table(numbers["startup"]),
        floor=floor_text(numbers["floor"], base),
        growth=growth_table(numbers["growth"]),
        wide=wide_table(numbers["wide"]),
        wide_winners=wide_winners(numbers["wide"]),
        wide_agreement=f"all forms agree to {max(line['worst'] for line in numbers['wide']):.0e}.",
        machine=machine_text(numbers["machine"], base),
        **{kind: base_table(base, kind) for kind in ("step", "gradient", "reptile")},
    )


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def base_table(base, kind):
    """One row for each library, times and ratios for each kind of number and number of cores."""
    keys = list(base)
    header = ["", *(f"{key.replace(', ', ', cores: ')}" for key in keys)]
    names = sorted(base[keys[0]][kind], key=lambda name: base[keys[0]][kind][name]["microseconds"])
    cell = "{microseconds:,.0f} µs ({ratio:.2f})".format
    return table(header, [[name, *(cell(**base[key][kind][name]) for key in keys)] for name in names])


def startup_table(startup):
    cell = "{import:.2f} s|{first_step:.3f} s|{peak_megabytes:,.0f} MB".format
    rows = [[name, *cell(**numbers).split("|")] for name, numbers in startup.items()]
    return table(["", "import", "first step", "peak memory"], rows)


def floor_text(floor, base):
    """The least time that arithmetic and memory allow on one core, in float64, beside the measured one."""
    times = next(iter(base.values()))
    gradient, step = (times[kind][OURS]["microseconds"] for kind in ("gradient", "step"))
    least = max(floor["arithmetic"], floor["reading"])
    least_step = least + floor["copying"] + floor["labelling"]
    return (
        f"One core multiplies matrices at {floor['gigaflops']:.0f} GFLOP/s, reads features that are in its cache at "
        f"{floor['read_gigabytes']:.0f} GB/s and copies rows of the table at {floor['copy_gigabytes']:.0f} GB/s, "
        f"measured in the same run. At these rates the gradient's arithmetic takes {floor['arithmetic']:.0f} µs and "
        f"reading the features once for each of its products {floor['reading']:.0f} µs; copying fresh features takes "
        f"{floor['copying']:.0f} µs and labelling them {floor['labelling']:.0f} µs. Ours takes "
        f"{gradient / least:.1f} times the floor for the gradient ({gradient:.0f} against {least:.0f} µs) and "
        f"{step / least_step:.1f} times for the step ({step:.0f} against {least_step:.0f} µs)."
    )


AXES = {"features": "features d", "tasks": "tasks", "K": "inner steps K"}


def slope(lines, pick):
    """Slope of log time against log size from the first line to the last that has this time."""
    points = [(line["value"], pick(line)) for line in lines if pick(line)]
    return float(np.diff(np.log([points[0][1], points[-1][1]]))[0] / np.log(points[-1][0] / points[0][0]))


def picks(lines):
    """{name: function line -> microseconds or None} of all that is drawn and tabulated for one axis."""
    names = list(lines[0]["gradient"])
    gradients = {name: lambda line, name=name: line["gradient"].get(name, {}).get("microseconds") for name in names}
    return {f"{OURS}, a step": lambda line: line["step"]} | gradients


def growth_table(growth):
    rows = []
    for axis, lines in growth.items():
        for name, pick in picks(lines).items():
            reached = [line for line in lines if pick(line)]
            ends = [f"{pick(line) / 1e3:,.2f} ms" for line in (reached[0], reached[-1])]
            between = f"{reached[0]['value']:,} to {reached[-1]['value']:,}"
            rows.append([f"{AXES[axis]}: {name}", between, *ends, f"{slope(lines, pick):.2f}"])
    return table(["", "sizes", "smallest", "largest", "slope"], rows)


def wide_table(lines):
    """One row for each number of features; a form that was not measured is left out."""
    names = list(lines[-2]["gradient"])
    rows = []
    for line in lines:
        times = [line["gradient"].get(name) for name in names] + [line["step"]]
        rows.append([f"{line['value']:,} features", *(f"{time / 1e3:,.1f}" if time else "" for time in times)])
    return table(["", *names, f"{OURS}, a step"], rows)


def wide_winners(lines):
    """Where JAX's tables are faster than this package's."""
    faster = [
        f"{line['value']:,}" for line in lines if line["gradient"]["JAX, tables"] < line["gradient"][f"{OURS}, tables"]
    ]
    return f"JAX's tables are faster with {' and '.join(faster)} features." if faster else "JAX's are never faster."


def machine_text(machine, base):
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    missing = next(iter(base.values()))["missing"]
    text = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}; {machine['system']}; {packages}. "
        f"Load: {machine['load']}. One core: the process is bound to it, and all libraries are told to use one thread; "
        "two cores: two threads. JAX and torch read their features from arrays of their own.",
        "learn2learn 0.2.0 does not install on Python 3.11 (its C files were generated for an older Python): its "
        "algorithms/maml.py runs unchanged from its source distribution."
        if "learn2learn" not in missing and "learn2learn" not in machine["packages"]
        else "",
        *(f"{name} is missing: {reason}." for name, reason in missing.items()),
    ]
    return "\n\n".join(paragraph for paragraph in text if paragraph)


# ------------------------------------------------------------------------------------------ the figure


def draw(numbers, path):
    """Bars for the step at the book's size, and one panel for each axis of growth."""
    from fourier_meta import figures

    colors = {OURS: figures.COLORS["MAML"]}
    colors |= dict.fromkeys(("JAX, re-associated", "JAX, re-associated, unrolled"), figures.COLORS["min-norm"])
    fig, axes = figures.subplots(2, 2, height=2.8)
    axes = axes.ravel()
    steps = next(iter(numbers["base"].values()))["step"]
    names = sorted(steps, key=lambda name: -steps[name]["microseconds"])
    values = [steps[name]["microseconds"] / 1e3 for name in names]
    axes[0].barh(names, values, color=[colors.get(name, figures.COLORS["other"]) for name in names])
    axes[0].bar_label(axes[0].containers[0], [f" {value:.3g} ms" for value in values], fontsize=8)
    axes[0].set(xscale="log", xlabel="a training step, ms", xlim=(min(values) / 2, max(values) * 4))
    axes[0].grid(axis="y", visible=False)
    for ax, (axis, lines) in zip(axes[1:], numbers["growth"].items(), strict=True):
        for name, pick in picks(lines).items():
            reached = [line for line in lines if pick(line)]
            x, y = [line["value"] for line in reached], [pick(line) / 1e3 for line in reached]
            color = colors.get(name.removesuffix(", a step"), figures.COLORS["other"])
            ax.loglog(x, y, ":" if name.endswith("step") else "o-", markersize=3, color=color, label=name)
        ax.set(xlabel=AXES[axis])
    for ax in axes[1:]:
        ax.set_ylabel("a gradient, ms")
    axes[3].legend(fontsize=7)
    fig.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
