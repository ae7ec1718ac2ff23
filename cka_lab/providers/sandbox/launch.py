"""The bubblewrap command lines: a node, a bench, and the step down from root.

As root the node must not run as the host's uid 0: that one may write /proc/sys however its capabilities are
confined. So an outer bwrap (no user namespace) re-binds what is needed at places anyone can reach, and setpriv
steps down to an unprivileged uid before the node's own bwrap begins.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

UID = 60999
"""Nobody's: outside the ranges of users, services and containers."""
PACKAGE = Path(__file__).parent
STUBS = ("kubectl", "systemctl", "journalctl", "docker", "kubeadm", "helm")
MERGED = ("bin", "sbin", "lib", "lib32", "lib64")


def is_root() -> bool:
    return os.geteuid() == 0


class Places:
    """Where the pieces are, as the node's bwrap sees them: on the host, or re-bound by the outer one."""

    def __init__(self, lab: Path, tools: Path) -> None:
        yaml = find_spec("yaml")
        if yaml is None or not yaml.origin:
            raise ModuleNotFoundError("PyYAML")
        self.host = {
            "lab": lab,
            "tools": tools,
            "inside": PACKAGE / "inside",
            "agent": PACKAGE / "agent",
            "yaml": Path(yaml.origin).parent,
        }
        if not SYSTEM_PYTHON.exists():
            self.host["python"] = Path(sys.base_prefix)
        self.seen = {name: Path("/", name) for name in self.host} if is_root() else dict(self.host)

    def __getitem__(self, name: str) -> str:
        return str(self.seen[name])


SYSTEM_PYTHON = Path("/usr/bin/python3")


def node(places: Places, listener: int, info: int, *, fast_etcd: bool = True) -> list[str]:
    """argv of a node. It reads nothing from stdin and outlives whoever starts it."""
    lab = places["lab"]
    argv = [
        "bwrap", "--info-fd", str(info), "--unshare-user", "--uid", "0", "--gid", "0", "--unshare-pid", "--as-pid-1",
        "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "controlplane",
        "--cap-add", "ALL", "--new-session", *_system(),
    ]  # fmt: skip
    for folder in ("etc", "var", "opt", "root", "tmp", "backup", "srv", "home", "mnt"):
        argv += ["--bind", f"{lab}/root/{folder}", f"/{folder}"]
    argv += ["--bind", f"{lab}/root/usr-local", "/usr/local"]
    argv += _tools(places, [*STUBS, "crictl"])
    for shared in ("/etc/alternatives", "/etc/ssl", "/etc/localtime", "/etc/terminfo", "/etc/vim", "/etc/nanorc"):
        argv += ["--ro-bind-try", shared, shared]
    argv += ["--size", str(64 << 20), "--tmpfs", "/run", "--dir", "/run/lock", "--dir", "/run/.lab/site"]
    argv += ["--ro-bind", places["agent"], "/run/.lab/agent", "--ro-bind", places["yaml"], "/run/.lab/site/yaml"]
    argv += ["--proc", "/proc", "--dev", "/dev", "--chdir", "/root", "--clearenv"]
    argv += _python(places)
    argv += ["--setenv", "PATH", PATH, "--setenv", "HOME", "/root"]
    argv += ["--", "/run/.lab/python3", "-I", "/run/.lab/agent", str(listener), "1" if fast_etcd else "0"]
    return step_down(argv, places)


def bench(places: Places, folder: str, command: list[str]) -> list[str]:
    """argv of a throw-away command that sees the etcd tools and ``folder`` as /bench, nothing else."""
    argv = [
        "bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--unshare-pid", "--unshare-net", "--unshare-ipc",
        "--unshare-uts", "--unshare-cgroup-try", "--new-session", "--die-with-parent", *_system(),
        "--tmpfs", "/usr/local", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev",
        "--bind", f"{places['lab']}/{folder}", "/bench", "--chdir", "/bench", "--clearenv", "--setenv", "PATH", PATH,
        "--setenv", "ETCDCTL_API", "3",
    ]  # fmt: skip
    return step_down([*argv, *_tools(places, []), "--", *command], places)


def probe() -> list[str]:
    """argv of the cheapest namespaces that tell whether a node can be made here."""
    return step_down(
        ["bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--unshare-pid", "--unshare-net", "--cap-add", "ALL",
         "--ro-bind", "/usr", "/usr", *_links(), "--proc", "/proc", "--dev", "/dev", "--", "/usr/bin/true"], None,
    )  # fmt: skip


def step_down(argv: list[str], places: Places | None) -> list[str]:
    """As an ordinary user the same argv; as root inside an outer bwrap that gives root up."""
    if not is_root():
        return argv
    outer = ["bwrap", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--ro-bind", "/usr", "/usr", *_links()]
    outer += ["--ro-bind", "/etc", "/etc", "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    outer += ["--tmpfs", "/tmp"]  # where the inner bwrap builds its root
    for name, path in (places.host if places else {}).items():
        outer += ["--bind" if name == "lab" else "--ro-bind", str(path), f"/{name}"]
    return [*outer, "--", "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--", *argv]


def _system() -> list[str]:
    return ["--ro-bind", "/usr", "/usr", *_links()]


def _links() -> list[str]:
    """/bin and its like: links into /usr, or folders of their own on older systems."""
    argv: list[str] = []
    for name in MERGED:
        path = Path("/", name)
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            argv += ["--ro-bind", str(path), str(path)]
    return argv


def _tools(places: Places, commands: list[str]) -> list[str]:
    argv: list[str] = []
    for name in ("etcd", "etcdctl", "etcdutl"):
        argv += ["--ro-bind", f"{places['tools']}/{name}", f"/usr/local/bin/{name}"]
    for name in commands:
        source = "crictl" if name == "crictl" else "not-here"
        argv += ["--ro-bind", f"{places['inside']}/{source}", f"/usr/local/bin/{name}"]
    return argv


def _python(places: Places) -> list[str]:
    """The interpreter of the agent as /run/.lab/python3: the system's, else the one that runs us."""
    if "python" not in places.host:
        return ["--symlink", str(SYSTEM_PYTHON), "/run/.lab/python3"]
    program = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = ["--ro-bind", places["python"], "/run/.lab/python", "--setenv", "LD_LIBRARY_PATH", "/run/.lab/python/lib"]
    return [*base, "--symlink", f"/run/.lab/python/bin/{program}", "/run/.lab/python3"]


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
