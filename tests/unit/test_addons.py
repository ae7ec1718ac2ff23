"""Add-ons: the pinned manifests, what images they need, and helm's release fetched, checked and kept."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import pytest
import yaml

from cka_lab.errors import Cancelled, LabFailure, NotAvailable
from cka_lab.providers.kind import addons, helm
from cka_lab.wait import Progress

MANIFESTS = resources.files("cka_lab.providers.kind") / "manifests"
FILES = sorted(entry.name for entry in MANIFESTS.iterdir() if entry.name.endswith(".yaml"))
METRICS_IMAGE, CONTROLLER_IMAGE = (
    "registry.k8s.io/metrics-server/metrics-server:v0.9.0",
    "docker.io/library/traefik:v3.6.12",
)
ARCHIVE = "/helm-v3.21.4-linux-amd64.tar.gz"


def objects(file):
    return [one for one in yaml.safe_load_all(addons.pinned(file)) if one]


def test_images_of_add_ons():
    assert addons.images_of(["metrics-server"]) == (METRICS_IMAGE,)
    assert addons.images_of(["ingress", "gateway"]) == (CONTROLLER_IMAGE,)
    assert set(addons.images_of(["helm", "metrics-server", "gateway"])) == {METRICS_IMAGE, CONTROLLER_IMAGE}
    assert addons.images_of(["helm"]) == addons.images_of([]) == ()
    with pytest.raises(LabFailure, match="no add-on 'dashboard', only gateway, helm, ingress, metrics-server"):
        addons.images_of(["dashboard"])


def test_every_manifest_is_used():
    assert {file for files in addons.FILES.values() for file in files} == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_manifest_is_noted_with_its_checksum(file):
    row = next(line for line in (MANIFESTS / "README.md").read_text().splitlines() if line.startswith(f"| {file} |"))
    _, version, source, licence, images, total = (cell.strip() for cell in row.strip("|").split("|"))
    assert total == f"`{hashlib.sha256(addons.pinned(file)).hexdigest()}`", "scripts/vendor-addons --sums"
    assert re.match(r"v\d+\.\d+\.\d+", version)
    assert "github.com/" in source
    assert licence == "Apache-2.0"
    named = {c["image"] for pod in pods(file) for c in pod["containers"]}
    assert named == (set() if images == "none" else {images})


def pods(file):
    return [one["spec"]["template"]["spec"] for one in objects(file) if one["kind"] == "Deployment"]


@pytest.mark.parametrize("file", FILES)
def test_images_are_pinned_and_pulled_only_where_they_lack(file):
    assert all(one["apiVersion"] and one["metadata"]["name"] for one in objects(file))
    for container in (c for pod in pods(file) for c in pod["containers"]):
        assert re.search(r":v\d+\.\d+\.\d+$", container["image"])
        assert container["imagePullPolicy"] == "IfNotPresent"


def test_the_custom_resources_are_all_of_the_standard_channel():
    found = {one["spec"]["names"]["kind"]: one for one in objects(addons.CRDS)}
    kinds = {"GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute", "ReferenceGrant", "BackendTLSPolicy"}
    assert set(found) == kinds
    for one in found.values():
        assert one["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"] == "v1.4.0"
        assert [v["storage"] for v in one["spec"]["versions"]].count(True) == 1
    route = found["HTTPRoute"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert route["properties"]["spec"]["properties"]["rules"]["description"].startswith("Rules are a list")
    klass = found["GatewayClass"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert klass["properties"]["spec"]["properties"]["description"]["type"] == "string"


@pytest.mark.parametrize("file", sorted(set(FILES) - {addons.CRDS}))
def test_our_own_manifests_need_no_change(file):
    assert addons.adapted(objects(file)) == objects(file)


def test_a_foreign_manifest_is_made_to_serve_the_class_lab_only():
    spec = {"containers": [{"image": "x/traefik", "args": ["--providers.kubernetesingress"]}, {"image": "beside"}]}
    foreign = [
        {"kind": "IngressClass", "metadata": {"name": "traefik"}},
        {"kind": "GatewayClass", "metadata": {"name": "traefik"}},
        {"kind": "Service", "metadata": {"name": "traefik"}},
        {"kind": "Deployment", "metadata": {"name": "traefik"}, "spec": {"template": {"spec": spec}}},
    ]
    classes = [one["metadata"]["name"] for one in addons.adapted(foreign)[:3]]
    assert classes == ["lab", "lab", "traefik"]
    assert spec["containers"][0]["args"][-1] == "--providers.kubernetesingress.ingressclass=lab"
    assert "args" not in spec["containers"][1]
    assert [t["key"] for t in spec["tolerations"]] == ["node-role.kubernetes.io/control-plane"]


# -- helm -------------------------------------------------------------------------------------------------------


def archive(program: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("linux-amd64/helm")
        info.size = len(program)
        tar.addfile(info, io.BytesIO(program))
    return packed.getvalue()


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A web site of our own: a dict of what it has, by path; what was asked for is in ``asked``."""

    class Site(dict):
        def __init__(self):
            self.asked = []

    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append(self.path)
            self.send_response(200 if self.path in served else 404)
            self.end_headers()
            self.wfile.write(served.get(self.path, b""))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(helm, "SITE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("CKA_LAB_HOME", str(tmp_path))
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_helm_is_fetched_once_and_checked_each_time(site, monkeypatch, tmp_path):
    site[ARCHIVE] = archive(b"the program")
    monkeypatch.setitem(helm.SHA256, "amd64", hashlib.sha256(site[ARCHIVE]).hexdigest())
    assert helm.binary("x86_64", Progress()) == b"the program"
    assert helm.binary("x86_64", Progress()) == b"the program"
    assert site.asked == [ARCHIVE]
    kept = tmp_path / "cache" / ARCHIVE[1:]
    kept.write_bytes(archive(b"something else"))
    assert helm.binary("x86_64", Progress()) == b"the program"
    assert site.asked == [ARCHIVE] * 2
    assert [p.name for p in kept.parent.iterdir()] == [kept.name]


def test_what_is_not_the_pinned_release_is_refused_and_not_kept(site, tmp_path):
    site[ARCHIVE] = archive(b"something else")
    with pytest.raises(
        NotAvailable, match=r"not available here, because what .* gives is not the pinned release"
    ) as told:
        helm.binary("x86_64", Progress())
    assert str(tmp_path / "cache" / ARCHIVE[1:]) in told.value.fix
    assert not (tmp_path / "cache").exists()


def test_without_a_release_or_a_network_helm_is_not_available_here(site, monkeypatch):
    with pytest.raises(NotAvailable, match=r"not available here, because .*/helm-v3.21.4-linux-arm64.tar.gz .*404"):
        helm.binary("aarch64", Progress())
    monkeypatch.setattr(helm, "SITE", "http://127.0.0.1:9")
    with pytest.raises(NotAvailable, match=r"not available here, because .*refused"):
        helm.binary("aarch64", Progress())
    with pytest.raises(NotAvailable, match="no release for riscv64 is pinned"):
        helm.binary("riscv64", Progress())


def test_a_download_can_be_cancelled(site, tmp_path):
    site[ARCHIVE] = bytes(1 << 20)
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        helm.binary("x86_64", progress)
    assert not (tmp_path / "cache").exists()
