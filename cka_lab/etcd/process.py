"""Running etcd processes: their flags, addresses and files, as their own command lines say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cka_lab.errors import Unreadable

if TYPE_CHECKING:
    from cka_lab.api import NodeView, Process

DEFAULT_CLIENT_URL = "http://localhost:2379"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def parse_flags(argv: Sequence[str]) -> dict[str, str]:
    """Flags by name without dashes: ``--flag=value``, ``--flag value`` and ``-flag``; one without a value is "true".

    As Go parses them: a later one wins, and after ``--`` nothing is a flag.
    """
    flags: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            break
        name = word[2:] if word.startswith("--") else word[1:] if word.startswith("-") else ""
        if not name:
            continue
        name, equals, value = name.partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("-") else "true"
        flags[name] = value
    return flags


def address(url: str) -> tuple[str, int]:
    """Host and port to connect to. A url that listens everywhere is asked at the loopback address."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    host = parts.hostname or ""
    return ANY_ADDRESS.get(host, host), parts.port or 2379


@dataclass(frozen=True, slots=True)
class EtcdProcess:
    """One running etcd: its process and its flags (those of its config file, if it was given one)."""

    node: str
    process: Process
    flags: Mapping[str, str]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def name(self) -> str:
        return self.flags.get("name", "default")

    @property
    def client_urls(self) -> list[str]:
        """Where it listens for clients."""
        return urls(self.flags.get("listen-client-urls", DEFAULT_CLIENT_URL))

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each of them."""
        return [address(url) for url in self.client_urls]

    @property
    def advertised_urls(self) -> list[str]:
        """Where it tells clients to find it."""
        return urls(self.flags.get("advertise-client-urls", DEFAULT_CLIENT_URL))

    @property
    def data_dir(self) -> str:
        """Its data directory as the process itself sees it."""
        return self._path(self.flags.get("data-dir") or f"{self.name}.etcd")

    def seen(self, path: str) -> str:
        """The path on the node of a path inside the process's own root (its container's)."""
        return f"/proc/{self.pid}/root{self._path(path)}"

    def file(self, node: NodeView, flag: str, limit: int = 1 << 20) -> bytes | None:
        """The bytes of the file that a flag names, as the process sees it; None where there is none."""
        path = self.flags.get(flag)
        if not path:
            return None
        with suppress(OSError, Unreadable):
            return node.read(self.seen(path), limit)
        return None

    def _path(self, path: str) -> str:
        return str(PurePosixPath(self.process.cwd or "/", path))


def urls(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def find_etcds(node: NodeView) -> list[EtcdProcess]:
    """Every running etcd of a node, the oldest first."""
    return sorted(_etcds(node), key=lambda etcd: -etcd.process.age)


def _etcds(node: NodeView) -> Iterator[EtcdProcess]:
    for process in node.processes():
        if process.argv and PurePosixPath(process.argv[0]).name == "etcd":
            found = EtcdProcess(node.name, process, parse_flags(process.argv[1:]))
            yield EtcdProcess(node.name, process, _configured(node, found) or found.flags)


def _configured(node: NodeView, etcd: EtcdProcess) -> dict[str, str] | None:
    """The settings of --config-file under the names of their flags; etcd ignores other flags then."""
    data = etcd.file(node, "config-file")
    if data is None:
        return None
    import yaml

    try:
        config = yaml.safe_load(data)
    except yaml.YAMLError:
        return None
    if not isinstance(config, dict):
        return None
    flags = {str(k): _text(v) for k, v in config.items() if not isinstance(v, dict)}
    for section, prefix in (("client-transport-security", ""), ("peer-transport-security", "peer-")):
        inner = config.get(section)
        flags |= {prefix + str(k): _text(v) for k, v in inner.items()} if isinstance(inner, dict) else {}
    return flags


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
