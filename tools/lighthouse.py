"""Lighthouse over the published book: the front page and every chapter, as a phone sees them.

    make lighthouse              # all of them
    make lighthouse ONLY=03      # pages whose names begin so

The pages are served as the readers' host serves them, compressed. Lighthouse comes from npm, into build/lighthouse.
A page that misses a limit because the machine was busy gets two more tries; its best one counts.
"""

import functools
import gzip
import io
import json
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_site"
HOME = ROOT / "build" / "lighthouse"
VERSION = "12.8.2"  # the newest that runs on node 20
LEAST = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
MOST = {"layout shift": 0.05, "blocking ms": 200, "raw MB": 1.5}
TRIES = 3


class Compressing(SimpleHTTPRequestHandler):
    """Serves a folder, text compressed with gzip."""

    def send_head(self):
        path = Path(self.translate_path(self.path))
        kind = self.guess_type(path)
        if not path.is_file() or not kind.startswith(("text/", "application/javascript", "image/svg")):
            return super().send_head()
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, *arguments):
        pass


def lighthouse():
    """The command, installed if it is not there yet."""
    command = HOME / "node_modules" / ".bin" / "lighthouse"
    if not shutil.which("npm"):
        sys.exit("make lighthouse needs node 20 or newer with npm: neither belongs to the book's environment.")
    if not command.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(HOME)]
        subprocess.run([*install, f"lighthouse@{VERSION}"], check=True)
    return command


def measure(command, url):
    """One run: the four scores, and what stands behind the first of them."""
    flags = ["--quiet", "--output=json", f"--only-categories={','.join(LEAST)}"]
    flags += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
    done = subprocess.run([command, url, *flags], capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"lighthouse failed on {url}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    scores = {name: round(100 * report["categories"][name]["score"]) for name in LEAST}
    requests = report["audits"]["network-requests"]["details"]["items"]
    return scores | {
        "layout shift": report["audits"]["cumulative-layout-shift"]["numericValue"],
        "blocking ms": report["audits"]["total-blocking-time"]["numericValue"],
        "raw MB": sum(request.get("resourceSize", 0) for request in requests) / 1e6,
    }


def misses(result):
    low = [name for name, least in LEAST.items() if result[name] < least]
    return low + [name for name, most in MOST.items() if result[name] > most]


def best_of(command, url):
    """The first try that meets every limit, else the one with the fewest misses."""
    tries = []
    for _ in range(TRIES):
        tries.append(measure(command, url))
        if not misses(tries[-1]):
            break
    return min(tries, key=lambda result: (len(misses(result)), -result["performance"]))


def main(only=""):
    pages = [SITE / "index.html", *sorted(SITE.glob("[0-9A]*_*.html"))]
    pages = [page for page in pages if page.stem.startswith(only) and 'http-equiv="refresh"' not in page.read_text()]
    if not pages:
        sys.exit(f"No page of _site begins with '{only}': run 'make site' first.")
    command = lighthouse()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Compressing, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{'':20}{'perf':>5}{'a11y':>5}{'best':>5}{'seo':>5}{'shift':>7}{'block ms':>9}{'raw MB':>7}", flush=True)
    failed = []
    for page in pages:
        result = best_of(command, f"http://127.0.0.1:{server.server_port}/{page.name}")
        scores = "".join(f"{result[name]:5}" for name in LEAST)
        rest = f"{result['layout shift']:7.3f}{result['blocking ms']:9.0f}{result['raw MB']:7.2f}"
        print(f"{page.stem:20}{scores}{rest}", *misses(result), flush=True)
        failed += [page.stem] if misses(result) else []
    sys.exit(f"below the limits: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
