"""Seconds to import a peer and to make its first step of training, and the largest memory, in this fresh process.

Imports nothing that a peer would have to import itself.
"""

import json
import resource
import sys
import time


def main(name):
    start = time.perf_counter()
    if name == "fourier_meta":
        import fourier_meta

        imported = time.perf_counter()
        fourier_meta.train_maml(fourier_meta.TaskFamily(), steps=1)
        first = time.perf_counter()
        fourier_meta.train_maml(fourier_meta.TaskFamily())
    else:
        from peers import PEERS

        PEERS[name][1]()  # imports its library
        imported = time.perf_counter()
        from work import Size, training_call  # this package, which draws the tasks: a few ms of the first step

        train = training_call(name, Size())
        train(1)
        first = time.perf_counter()
        train(20)
    print(json.dumps({"import": imported - start, "first_step": first - imported, "peak_megabytes": peak_megabytes()}))


def peak_megabytes():
    """Largest memory of this process; on Linux not from getrusage, which remembers that of the process before exec."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    except (FileNotFoundError, StopIteration):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1])
