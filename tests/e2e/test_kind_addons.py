"""Add-ons on a real cluster: from the manifests pinned here, and from the node image's own."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cka_lab.api import ClusterSpec
from cka_lab.errors import Cancelled, CommandFailed, LabFailure
from cka_lab.providers.kind import addons, helm
from cka_lab.wait import Progress
from tests.places import home, make_provider, need

pytestmark = pytest.mark.xdist_group("kind")
ALL = ("metrics-server", "gateway", "ingress", "helm")
CHART = """
mkdir -p ~/web/templates && cd ~/web && printf 'apiVersion: v2\nname: web\nversion: 1.2.0\n' >Chart.yaml
printf 'word: first\n' >values.yaml
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {word: "{{ .Values.word }}"}\n' >templates/it.yaml
"""
WEB = """
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {
  selector: {matchLabels: {app: web}}, template: {
    metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "nginx:1.26.3"}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {
  selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge, namespace: shop}, spec: {
  gatewayClassName: lab, listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: web, namespace: shop}, spec: {
  parentRefs: [{name: edge}], hostnames: [route.lab.test], rules: [{backendRefs: [{name: web, port: 80}]}]}}
"""
INGRESS = """
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: NAME, namespace: shop}, spec: {CLASS
  rules: [{host: NAME.lab.test, http: {paths: [{
    path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
"""
WEB += INGRESS.replace("NAME", "ingress").replace("CLASS", "ingressClassName: lab,")
WEB += INGRESS.replace("NAME", "classless").replace("CLASS", "")


@pytest.fixture(scope="module")
def cluster():
    """Without add-ons, and as the official node image is: with none on board."""
    need("kind")
    with home("kind"):
        made = make_provider("kind").create("addons", ClusterSpec(workers=1), Progress())
        sh(made, f"if [ -d {addons.ON_NODE} ]; then mv {addons.ON_NODE} /kind/put-away; fi")
        yield made


def sh(cluster, text, node=None, stdin=b""):
    return cluster.node(node).run(["bash", "-ec", text], timeout=120, stdin=stdin)


def as_candidate(cluster, text):
    return cluster.node("base").run(["runuser", "-l", "candidate", "-c", text], timeout=60).text


def until_it_answers(cluster, host):
    """The status that a Pod gets from the controller for a host, as soon as it is 200, or after 20 s."""
    ask = f"kubectl -n shop exec deploy/web -- curl -s -m 2 -o /dev/null -w %{{http_code}} -H Host:{host} http://traefik.traefik"
    deadline = time.monotonic() + 20
    while (said := sh(cluster, f"{ask} || true").text) != "200" and time.monotonic() < deadline:
        time.sleep(0.3)
    return said


def works(cluster):
    nodes = [cluster.node(name).name for name in ("controlplane", "node01")]
    top = as_candidate(cluster, "kubectl top nodes --no-headers").splitlines()
    assert sorted(line.split()[0] for line in top) == sorted(nodes)
    assert as_candidate(cluster, "kubectl get gatewayclass,ingressclass -o name").split() == [
        "gatewayclass.gateway.networking.k8s.io/lab", "ingressclass.networking.k8s.io/lab"]  # fmt: skip
    sh(cluster, "kubectl apply -f - && kubectl -n shop rollout status deploy/web --timeout=60s", stdin=WEB.encode())
    assert until_it_answers(cluster, "route.lab.test") == "200"
    assert until_it_answers(cluster, "ingress.lab.test") == "200"
    ask = "curl -s -m 3 -o /dev/null -w '%{http_code} '"
    for node in nodes:  # from outside, by the ports of a node, plain and by TLS
        sites = f"-H Host:ingress.lab.test http://{node}:30080 -o /dev/null -k https://{node}:30443"
        assert as_candidate(cluster, f"{ask} {sites}") == "200 404 "
    assert as_candidate(cluster, f"{ask} -H Host:classless.lab.test http://{nodes[0]}:30080") == "404 "
    sh(cluster, "kubectl -n shop wait gateway/edge --for=condition=Programmed --timeout=20s")
    sh(cluster, "kubectl delete namespace shop --now")


def test_a_cancelled_installation_ends_at_once_and_can_be_taken_up(cluster):
    progress = Progress()
    progress.emit = lambda event: progress.cancel.set() if event.title == "add-on metrics-server" else None
    began = time.monotonic()
    with pytest.raises(Cancelled):
        addons.install(cluster, ["metrics-server"], progress)
    assert time.monotonic() - began < 15


def test_pinned_manifests_one_after_the_other(cluster):
    steps = []
    addons.install(cluster, ["gateway"], Progress())
    addons.install(cluster, ["ingress", "metrics-server"], Progress(lambda event: steps.append(event.title)))
    assert steps[::2] == ["manifests of add-ons", "add-on ingress", "add-on metrics-server"]
    works(cluster)
    explained = as_candidate(cluster, "kubectl explain httproute.spec.rules")
    assert "Rules are a list of HTTP matchers, filters and actions." in explained


def test_installing_again_changes_nothing(cluster):
    ask = "kubectl get deploy -A -o jsonpath='{range .items[*]}{.metadata.uid}{.metadata.generation} {end}'"
    before = sh(cluster, ask).text
    addons.install(cluster, [name for name in ALL if name != "helm"], Progress())
    assert sh(cluster, ask).text == before


def test_the_node_images_own_manifests(cluster):
    if cluster.node().stat("/kind/put-away") is None:
        pytest.skip("this node image brings no add-ons")
    for file in ("metrics-server.yaml", "traefik.yaml", "gateway-api-crds.yaml"):
        sh(cluster, "kubectl delete --now --ignore-not-found -f -", stdin=addons.pinned(file))
    sh(cluster, f"mv /kind/put-away {addons.ON_NODE}")
    addons.install(cluster, ALL, Progress())
    bundle = "jsonpath='{.spec.versions[*].name}'"
    crd = "kubectl get crd backendtlspolicies.gateway.networking.k8s.io -o"
    assert "v1alpha3" in sh(cluster, f"{crd} {bundle}").text, "not ours: that has served versions only"
    works(cluster)


def test_helm_installs_and_upgrades_a_chart_from_the_jump_host(cluster):
    addons.install(cluster, ["helm"], Progress())
    as_candidate(cluster, CHART)
    as_candidate(cluster, "helm install shop ~/web && helm upgrade shop ~/web --set word=second")
    assert as_candidate(cluster, "kubectl get configmap web -o jsonpath={.data.word}") == "second"
    assert "web-1.2.0" in as_candidate(cluster, "helm list")
    assert "web-1.2.0" in sh(cluster, "helm list").text, "and on a node"
    as_candidate(cluster, "helm uninstall shop")


@pytest.fixture
def release(cluster, monkeypatch, tmp_path):
    """A site that has the release: with the node's own program in it, pinned for the test."""
    program = sh(cluster, "cat $(command -v helm)").out
    arch = helm.MACHINES[sh(cluster, "uname -m").text.strip()]
    file = tmp_path / f"helm-{helm.VERSION}-linux-{arch}.tar.gz"
    with tarfile.open(file, "w:gz", compresslevel=1) as tar:
        info = tarfile.TarInfo(f"linux-{arch}/helm")
        info.size = len(program)
        tar.addfile(info, io.BytesIO(program))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(helm, "SITE", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setitem(helm.SHA256, arch, hashlib.sha256(file.read_bytes()).hexdigest())
        yield
        server.shutdown()


def test_where_the_image_has_no_helm_the_release_is_brought(cluster, release):
    for name in cluster.names():
        sh(cluster, "rm $(command -v helm)", name)
    with pytest.raises(CommandFailed):
        as_candidate(cluster, "helm version")
    addons.install(cluster, ["helm"], Progress())
    for name in cluster.names():
        assert sh(cluster, "helm version --short", name).text.startswith("v3.")
    assert as_candidate(cluster, "helm list -q -A") == ""


def test_an_add_on_that_does_not_come_up_is_told(cluster):
    manifest = addons.pinned("traefik.yaml").replace(
        b"image: docker.io/library/traefik:", b"image: localhost:1/nothing:"
    )
    cluster.node().write(f"{addons.ON_NODE}/traefik.yaml", manifest)
    with pytest.raises(
        LabFailure, match=r"did not come up: gateway: the Pod traefik-\S+ can't have its image localhost:1"
    ):
        addons.install(cluster, ["gateway"], Progress())
