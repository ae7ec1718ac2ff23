"""Every grader on a real sandbox: right variants that it passes, near-misses and cheats that it fails, and why."""

from __future__ import annotations

import time

import pytest

from cka_lab import plugins
from cka_lab.api import ClusterSpec
from cka_lab.wait import Progress
from tests.bed import Bed
from tests.places import SANDBOXES, home, make_provider, need

URL = "https://127.0.0.1:2379"
PKI = "/etc/kubernetes/pki/etcd"
MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
ETCDCTL = f"etcdctl --endpoints {URL} --cacert {PKI}/ca.crt --cert {PKI}/server.crt --key {PKI}/server.key"
RESTORE = (
    "etcdutl snapshot restore /backup/snapshot.db --name controlplane --data-dir {} "
    "--initial-cluster controlplane=https://127.0.0.1:2380 --initial-advertise-peer-urls https://127.0.0.1:2380"
)
REPOINT = f"sed -i 's#path: /var/lib/etcd$#path: {{}}#' {MANIFEST}"
KEPT = "/registry/configmaps/shop/kept-0"


@pytest.fixture(scope="module", params=SANDBOXES)
def fresh(request):
    need(request.param)
    with home(request.param):
        provider = make_provider(request.param)
        bed = Bed(provider.create("graders", ClusterSpec(), Progress()))
        bed.fault("put_keys", prefix="/registry/configmaps/shop/kept-", count=20, size=100, mark="kept")
        bed.fault("record", mark="before", what="revision")
        bed.fault("save_snapshot", path="/backup/snapshot.db", mark="snapshot")
        bed.fault("put_keys", prefix="/registry/configmaps/shop/later-", count=3, mark="later")
        bed.fault("record", mark="file", what="sha256", path="/backup/snapshot.db")
        bed.fault("record", mark="server", what="sha256", path=f"{PKI}/server.crt")
        bed.cluster.save_baseline(Progress())
        yield bed
        provider.delete("graders")


@pytest.fixture
def bed(fresh):
    if fresh.dirty:
        fresh.cluster.reset(Progress())
        fresh.dirty = False
    return fresh


def judge(bed, script, grader, params, verdict):
    """``verdict``: None where it must pass, else a part of the mismatch's text or of its diagnosis' code."""
    if script:
        bed.sh(script)
    found = bed.ask(grader, **params)
    again = bed.ask(grader, **params)
    assert (found and found.message) == (again and again.message), "two gradings differ"
    if verdict is None:
        assert found is None, found
    else:
        assert found is not None, "it passes"
        code = found.diagnosis.code if found.diagnosis else ""
        assert verdict in f"{found.message} | {found.expected} | {found.found} | {code}"


def table(*cases):
    return pytest.mark.parametrize(("script", "params", "verdict"), [pytest.param(*c[1:], id=c[0]) for c in cases])


@table(
    ("untouched", "", {"endpoints": [URL], "members": 1}, None),
    ("held for an age", "", {"age": 2}, None),
    ("more members asked", "", {"members": 3}, "number of members"),
    ("nothing listens there", "", {"endpoints": ["https://127.0.0.1:2479"]}, "nothing listens"),
    ("stopped", f"mv {MANIFEST} /root/", {}, "no etcd is running"),
    ("restored, not repointed", f"{RESTORE.format('/var/lib/new')}; sed -i 's#- etcd$#- etcd\\n    - --x#' {MANIFEST}",
     {}, "manifest-not-repointed"),
    ("restored, and no manifest", f"mv {MANIFEST} /root/; {RESTORE.format('/var/lib/new')}", {}, "no etcd is running"),
    ("restored inside", f"mv {MANIFEST} /root/; rm -rf /var/lib/etcd/member; {RESTORE.format('/var/lib/etcd/new')}; "
     "pkill -x etcd || true; sleep 0.5; echo garbage > /var/lib/etcd/member; mv /root/etcd.yaml " + MANIFEST, {},
     "restored-into-running-dir"),
    ("plain http", f"sed -i 's#\\(client-urls=\\)https#\\1http#' {MANIFEST}", {"endpoints": [URL]}, "plain-http"),
    ("a server that only looks alive", f"mv {MANIFEST} /root/; sleep 1.5; cd /root; "
     "setsid openssl s_server -accept 127.0.0.1:2379 -cert " + f"{PKI}/server.crt -key {PKI}/server.key -www "
     ">/dev/null 2>&1 & sleep 0.7", {"endpoints": [URL]}, "not healthy"),
)  # fmt: skip
def test_etcd_health(bed, script, params, verdict):
    judge(bed, script, "etcd_health", params, verdict)


@table(
    ("untouched", "", {"count": 1, "names": ["controlplane"], "answering": True}, None),
    ("its urls", "", {"client_urls": {"controlplane": URL}, "peer_urls": {"controlplane": "https://127.0.0.1:2380/"}},
     None),
    ("another url", "", {"client_urls": {"controlplane": "https://10.0.0.1:2379"}}, "another client URL"),
    ("another name", "", {"names": ["m1"]}, "not the right ones"),
    ("a learner that never started", f"{ETCDCTL} member add m2 --learner --peer-urls=https://127.0.0.2:2380",
     {"names": ["controlplane"]}, "(not started)"),
    ("it does not answer", f"{ETCDCTL} member add m2 --learner --peer-urls=https://127.0.0.2:2380",
     {"answering": True}, "never started"),
    ("nor vote", f"{ETCDCTL} member add m2 --learner --peer-urls=https://127.0.0.2:2380", {"voting": ["m2"]},
     "no member m2"),
)  # fmt: skip
def test_etcd_members(bed, script, params, verdict):
    judge(bed, script, "etcd_members", params, verdict)


@table(
    ("untouched", "", {"mark": "kept", "same": True}, None),
    ("restored rightly", f"{RESTORE.format('/var/lib/new')}; {REPOINT.format('/var/lib/new')}",
     {"mark": "kept", "same": True}, None),
    ("deleted", f"{ETCDCTL} del {KEPT}", {"mark": "kept"}, KEPT),
    ("other bytes", f"{ETCDCTL} put {KEPT} other", {"mark": "kept", "same": True}, KEPT),
    ("written by hand with the right bytes", f"v=$({ETCDCTL} get --print-value-only {KEPT}); {ETCDCTL} del {KEPT}; "
     f"{ETCDCTL} put {KEPT} \"$v\"", {"mark": "kept", "same": True}, KEPT),
    ("empty store", f"mv {MANIFEST} /root/; sleep 1.5; rm -rf /var/lib/etcd/*; mv /root/etcd.yaml {MANIFEST}",
     {"mark": "kept"}, "empty-store"),
)  # fmt: skip
def test_etcd_key(bed, script, params, verdict):
    judge(bed, script, "etcd_key", params, verdict)


@table(
    ("small", "", {"db_below": 64 << 20, "no_alarm": True, "quota_share": 0.5}, None),
    ("too large", "", {"db_below": 1000}, "too large"),
    ("revision by a mark", "", {"revision_min": "before"}, None),
    ("revision too low", "", {"revision_min": 1_000_000}, "too low"),
    ("not compacted", "", {"compacted": "before"}, "can still be read"),
    ("compacted", f"r=$({ETCDCTL} endpoint status -w json | grep -o '\"revision\":[0-9]*' | cut -d: -f2); "
     f"{ETCDCTL} compact $r", {"compacted": "before"}, None),
    ("an older snapshot is no compaction", f"{RESTORE.format('/var/lib/new')}; {REPOINT.format('/var/lib/new')}",
     {"compacted": "before"}, "can still be read"),
    ("held for an age", "", {"no_alarm": True, "age": 1}, None),
)  # fmt: skip
def test_etcd_status(bed, script, params, verdict):
    judge(bed, script, "etcd_status", params, verdict)


def test_etcd_status_knows_its_process(bed):
    bed.fault("record", mark="process", what="process")
    assert bed.ask("etcd_status", same_process="process") is None
    bed.sh("pkill -x etcd; sleep 1")
    assert "started anew" in bed.ask("etcd_status", same_process="process").message


def test_etcd_status_sees_an_alarm(bed):
    bed.sh(
        f"sed -i 's#    - --name=#    - --quota-backend-bytes=1000000\\n    - --name=#' {MANIFEST}; sleep 2; "
        f"for i in $(seq 30); do head -c 60000 /dev/zero | tr '\\0' x | {ETCDCTL} put /big-$i >/dev/null || true; done"
    )
    assert "NOSPACE" in bed.ask("etcd_status", no_alarm=True).found
    assert "NOSPACE" in bed.ask("etcd_health").found


NEW = "/var/lib/new"


@table(
    ("untouched", "", {"path": "/var/lib/etcd", "user": "root"}, None),
    ("the hostPath alone", f"{RESTORE.format(NEW)}; {REPOINT.format(NEW)}", {"path": NEW, "restored": True}, None),
    ("flag, mount and hostPath", f"{RESTORE.format(NEW)}; sed -i 's#/var/lib/etcd$#{NEW}#' {MANIFEST}",
     {"path": NEW, "restored": True}, None),
    ("directories swapped", f"mv {MANIFEST} /root/; sleep 1.5; {RESTORE.format(NEW)}; mv /var/lib/etcd /var/lib/old; "
     f"mv {NEW} /var/lib/etcd; mv /root/etcd.yaml {MANIFEST}", {"path": "/var/lib/etcd", "restored": True}, None),
    ("swapped under the running etcd", f"{RESTORE.format(NEW)}; mv /var/lib/etcd /var/lib/old; mv {NEW} /var/lib/etcd",
     {"path": "/var/lib/etcd", "restored": True}, "not-restarted"),
    ("not repointed", RESTORE.format(NEW), {"path": NEW, "restored": True}, "manifest-not-repointed"),
    ("the flag only", f"{RESTORE.format(NEW)}; sed -i 's#data-dir=/var/lib/etcd#data-dir={NEW}#' {MANIFEST}",
     {"path": NEW, "restored": True}, "empty-store"),
    ("restored to another place", f"{RESTORE.format('/opt/there')}; {REPOINT.format('/opt/there')}",
     {"path": NEW, "restored": True}, "wrong-directory"),
    ("not restored at all", "", {"path": "/var/lib/etcd", "restored": True}, "no restore has finished"),
    ("a link instead", f"ln -s /var/lib/etcd {NEW}", {"path": NEW, "restored": True}, "no restore has finished"),
    ("stopped", f"mv {MANIFEST} /root/", {"path": "/var/lib/etcd"}, "etcd"),
)  # fmt: skip
def test_etcd_data_dir(bed, script, params, verdict):
    judge(bed, script, "etcd_data_dir", params, verdict)


SAVE = f"{ETCDCTL} snapshot save /opt/x.db"
LIVE = "/var/lib/etcd/member/snap/db"


@table(
    ("saved now", SAVE, {"path": "/opt/x.db", "contains": ["kept", "later"]}, None),
    ("saved by the health check's pair", SAVE.replace("server.", "healthcheck-client."), {"path": "/opt/x.db"}, None),
    ("saved elsewhere and linked", f"{SAVE}; mv /opt/x.db /root/y.db; ln -s /root/y.db /opt/x.db",
     {"path": "/opt/x.db"}, None),
    ("missing", "", {"path": "/opt/x.db"}, "does not exist"),
    ("the live database", f"cp {LIVE} /opt/x.db", {"path": "/opt/x.db"}, "live-copy"),
    ("the live database with some hash", f"(cat {LIVE}; head -c 32 /dev/urandom) > /opt/x.db", {"path": "/opt/x.db"},
     "damaged-snapshot"),
    ("cut short", f"{SAVE}; truncate -s -100 /opt/x.db", {"path": "/opt/x.db"}, "damaged-snapshot"),
    ("one byte wrong", f"{SAVE}; printf X | dd of=/opt/x.db bs=1 seek=9000 conv=notrunc status=none",
     {"path": "/opt/x.db"}, "damaged-snapshot"),
    ("the old one copied and touched", "cp /backup/snapshot.db /opt/x.db; touch /opt/x.db",
     {"path": "/opt/x.db", "contains": ["later"]}, "stale-snapshot"),
    ("empty", "touch /opt/x.db", {"path": "/opt/x.db"}, "x.db"),
    ("a text", "echo a snapshot > /opt/x.db", {"path": "/opt/x.db"}, "x.db"),
    ("a FIFO", "mkfifo /opt/x.db", {"path": "/opt/x.db"}, "fifo"),
    ("a folder", "mkdir /opt/x.db", {"path": "/opt/x.db"}, "dir"),
    ("endless", "ln -s /dev/zero /opt/x.db", {"path": "/opt/x.db"}, "device"),
    ("sparse and huge", "truncate -s 10G /opt/x.db", {"path": "/opt/x.db"}, "bytes"),
    ("what was deleted is not there", f"{ETCDCTL} del {KEPT}; {SAVE}", {"path": "/opt/x.db", "contains": ["kept"]},
     "lacks"),
    ("it holds too much", SAVE, {"path": "/opt/x.db", "lacks": ["later"]}, "must not hold"),
    ("in etcd's own container", "crictl exec $(crictl ps --name etcd -q) " + SAVE.replace("/opt/x.db", "/x.db"),
     {"path": "/x.db"}, "saved-in-container"),
    ("wrong TLS flags", "timeout 2 " + SAVE.replace(f"--cert {PKI}/server.crt --key {PKI}/server.key", "") + " || true",
     {"path": "/opt/x.db"}, "wrong-tls-flags"),
    ("the newest of a folder", "", {"dir": "/backup", "contains": ["kept"]}, None),
    ("no file in the folder", "mkdir /opt/none", {"dir": "/opt/none"}, "no snapshot"),
)  # fmt: skip
def test_snapshot(bed, script, params, verdict):
    judge(bed, script, "snapshot", params, verdict)


STATUS = "etcdutl snapshot status /backup/snapshot.db -w json"


def reported(bed, what, line):
    facts = bed.marks["snapshot"].facts
    bed.sh(f"echo '{line.format(**facts)}' > /root/r")
    return bed.ask("snapshot_report", path="/root/r", of="snapshot", field=what)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("hash", "hash={hash_hex}"),
        ("hash", "Hash: 0x{hash_hex}"),
        ("hash", "hash = {hash}"),
        ("revision", "revision={revision}"),
        ("revision", '"revision": {revision},'),
        ("keys", "keys={total_keys}"),
        ("size", "size={size}"),
    ],
)
def test_snapshot_report_passes(bed, what, line):
    assert reported(bed, what, line) is None


@pytest.mark.parametrize(
    ("what", "line", "verdict"),
    [
        ("hash", "hash=00000000", "hash"),
        ("hash", "hash={sha256}", "sha256sum-as-hash"),
        ("hash", "{hash_hex}", "does not say"),
        ("hash", "hash={hash_hex}\nhash=1", "does not say"),
        ("revision", "revision=", "revision"),
        ("revision", "revision=1", "revision"),
        ("keys", "keys=0", "keys"),
        ("keys", "keys=all", "keys"),
    ],
)
def test_snapshot_report_fails(bed, what, line, verdict):
    found = reported(bed, what, line)
    assert verdict in f"{found.message} {found.expected} {found.diagnosis.code if found.diagnosis else ''}"


def test_snapshot_report_knows_the_live_numbers(bed):
    bed.sh(f"{ETCDCTL} endpoint status -w json | grep -o '\"revision\":[0-9]*' | tr -d '\"' > /root/r; "
           f"echo keys=$({ETCDCTL} get '' --from-key --keys-only | grep -c .) >> /root/r")  # fmt: skip
    for what, code in (("keys", "live-keys-counted"), ("revision", "live-status-reported")):
        assert bed.ask("snapshot_report", path="/root/r", of="snapshot", field=what).diagnosis.code == code
    bed.fault("put_keys", keys=["/moved/on"])  # as in a cluster that works
    found = bed.ask("snapshot_report", path="/root/r", of="snapshot", field="revision")
    assert found.diagnosis.code == "live-status-reported"


def test_snapshot_report_of_a_file_that_the_learner_made(bed):
    bed.sh(f"{SAVE}; etcdutl snapshot status /opt/x.db -w json | tr ',{{}}' '\\n' > /root/r")
    params = {"path": "/root/r", "of": "/opt/x.db"}
    assert bed.ask("snapshot_report", field="hash", **params) is None
    assert bed.ask("snapshot_report", field="keys", key="totalKey", **params) is None


@table(
    ("runs", "", {"name": "etcd"}, None),
    ("its flags", "", {"name": "etcd", "args": {"name": "controlplane", "data-dir": "/var/lib/etcd"}}, None),
    ("a flag with another value", "", {"name": "etcd", "args": {"data-dir": "/data"}}, "data-dir"),
    ("a flag that must be absent", "", {"name": "etcd", "args": {"name": None}}, "--name"),
    ("no such pod", "", {"name": "kube-apiserver"}, "does not run"),
    ("a backup in the folder", f"cp {MANIFEST} {MANIFEST}.bak", {"name": "etcd", "defined_once": True}, "one file"),
    ("a hidden backup is not read", f"cp {MANIFEST} /etc/kubernetes/manifests/.etcd.yaml",
     {"name": "etcd", "defined_once": True}, None),
    ("moved away", f"mv {MANIFEST} /root/; sleep 1.5", {"name": "etcd"}, "does not run"),
    ("moved away, as asked", f"mv {MANIFEST} /root/; sleep 1.5", {"name": "etcd", "running": False}, None),
    ("it runs, which is not asked", "", {"name": "etcd", "running": False}, "runs"),
    ("garbage", f"echo 'kind: Pod' > {MANIFEST}; sleep 1.5", {"name": "etcd"}, "does not run"),
    ("flapping", f"sed -i 's#--name=#--no-such-flag=#' {MANIFEST}", {"name": "etcd"}, "not run"),
    ("started long ago", "", {"name": "etcd", "age": 2}, None),
)  # fmt: skip
def test_static_pod(bed, script, params, verdict):
    judge(bed, script, "static_pod", params, verdict)


@table(
    ("there", "", {"path": "/backup/snapshot.db"}, None),
    ("as it was, copied back", "cp /backup/snapshot.db /root/x; rm /backup/snapshot.db; cp /root/x /backup/snapshot.db",
     {"path": "/backup/snapshot.db", "same": "file"}, None),
    ("changed, with the old time", "cp -p /backup/snapshot.db /root/x; echo >> /backup/snapshot.db; touch -r /root/x "
     "/backup/snapshot.db", {"path": "/backup/snapshot.db", "same": "file"}, "changed"),
    ("absent", "", {"path": "/root/none"}, "does not exist"),
    ("absent, as asked", "", {"path": "/root/none", "exists": False}, None),
    ("there, which is not asked", "", {"path": "/backup", "exists": False}, "must not be there"),
    ("mode", "chmod 600 /backup/snapshot.db", {"path": "/backup/snapshot.db", "mode": "600"}, None),
    ("another mode", "chmod 666 /backup/snapshot.db", {"path": "/backup/snapshot.db", "mode": "600"}, "0666"),
    ("a text", "echo one two > /root/t", {"path": "/root/t", "contains": ["one"], "lacks": ["three"]}, None),
    ("no text", "echo one two > /root/t", {"path": "/root/t", "contains": ["three"]}, "lacks"),
    ("chmod 000 hides nothing", "echo one > /root/t; chmod 000 /root/t", {"path": "/root/t", "contains": ["one"]},
     None),
    ("a FIFO", "mkfifo /root/t", {"path": "/root/t", "contains": ["one"]}, "fifo"),
    ("equal trees", f"cp -r {PKI} /root/pki", {"path": "/root/pki", "tree_equals": PKI}, None),
    ("one file more", f"cp -r {PKI} /root/pki; touch /root/pki/x", {"path": "/root/pki", "tree_equals": PKI}, "x"),
    ("other bytes", f"cp -r {PKI} /root/pki; echo >> /root/pki/ca.crt", {"path": "/root/pki", "tree_equals": PKI},
     "ca.crt"),
)  # fmt: skip
def test_file(bed, script, params, verdict):
    judge(bed, script, "file", params, verdict)


@table(
    ("a word", "echo '  m1 ' > /root/a", {"expect": "m1"}, None),
    ("with Windows line ends", "printf 'leader=m1\\r\\n' > /root/a", {"key": "leader", "expect": "m1"}, None),
    ("another word", "echo m2 > /root/a", {"expect": "m1"}, "right answer"),
    ("a fact of set-up", "echo 0 > /root/a", {"from": "before.revision", "form": "number"}, "right answer"),
    ("two answers", "printf 'leader=m1\\nleader=m2\\n' > /root/a", {"key": "leader", "expect": "m1"}, "does not say"),
    ("a number nearby", "echo 104 > /root/a", {"expect": 100, "form": "number", "tolerance": 0.05}, None),
    ("a set in any order", "echo 'b, a' > /root/a", {"expect": ["a", "b"], "form": "set"}, None),
    ("a list in another order", "echo 'b a' > /root/a", {"expect": ["a", "b"], "form": "list"}, "right answer"),
    ("no file", "", {"expect": "m1"}, "does not exist"),
    ("no text", "head -c 100 /dev/urandom > /root/a", {"expect": "m1"}, "/root/a"),
    ("huge", "truncate -s 5G /root/a", {"expect": "m1"}, "too large"),
)  # fmt: skip
def test_answer(bed, script, params, verdict):
    judge(bed, script, "answer", {"path": "/root/a", **params}, verdict)


SIGN = (
    "cd /root; openssl req -newkey rsa:2048 -nodes -keyout {name}.key -subj '/O=ops/CN=jane' -out {name}.csr "
    f"-addext subjectAltName=DNS:jane.local 2>/dev/null; openssl x509 -req -in {{name}}.csr -CA {PKI}/ca.crt "
    f"-CAkey {PKI}/ca.key -CAcreateserial -copy_extensions copy -days {{days}} -out {{name}}.crt 2>/dev/null"
)


@table(
    ("the server's", "", {"path": f"{PKI}/server.crt", "ca": f"{PKI}/ca.crt", "key": f"{PKI}/server.key",
     "sans": ["localhost", "127.0.0.1"], "days": 30, "fingerprint": "server"}, None),
    ("signed by hand", SIGN.format(name="jane", days=30), {"path": "/root/jane.crt", "cn": "jane", "org": "ops",
     "sans": ["jane.local"], "ca": f"{PKI}/ca.crt", "key": "/root/jane.key", "days": 29}, None),
    ("too short", SIGN.format(name="jane", days=5), {"path": "/root/jane.crt", "days": 29}, "too soon"),
    ("another's key", SIGN.format(name="jane", days=30), {"path": "/root/jane.crt", "key": f"{PKI}/server.key"},
     "not the key"),
    ("self-signed with the CA's name", "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=etcd-ca -keyout /root/k "
     "-out /root/c -days 9 2>/dev/null", {"path": "/root/c", "ca": f"{PKI}/ca.crt"}, "not signed"),
    ("another common name", "", {"path": f"{PKI}/server.crt", "cn": "jane"}, "common name"),
    ("no such name", "", {"path": f"{PKI}/server.crt", "sans": ["etcd.example"]}, "etcd.example"),
    ("renewed", SIGN.format(name="jane", days=30) + f"; cp jane.crt {PKI}/server.crt",
     {"path": f"{PKI}/server.crt", "fingerprint": "server"}, "another certificate"),
    ("written anew is the same", f"cp {PKI}/server.crt /root/x; rm {PKI}/server.crt; cp /root/x {PKI}/server.crt",
     {"path": f"{PKI}/server.crt", "fingerprint": "server"}, None),
    ("a key", "", {"path": f"{PKI}/server.key"}, "no certificate"),
    ("missing", "", {"path": "/root/none.crt"}, "does not exist"),
    ("a folder", "", {"path": PKI}, "can't be read"),
    ("no key there", "echo x > /root/k", {"path": f"{PKI}/server.crt", "key": "/root/k"}, "no private key"),
)  # fmt: skip
def test_certificate(bed, script, params, verdict):
    judge(bed, script, "certificate", params, verdict)


AUTH_OFF = f"sed -i '/trusted-ca-file=/d; s#client-cert-auth=true#client-cert-auth=false#' {MANIFEST}; sleep 0.5"


@table(
    ("untouched", "", {"accepts": ["kept"], "refuses": ["none", "stranger"], "ca": f"{PKI}/ca.crt", "days": 1}, None),
    ("a CA file alone asks for certificates", f"sed -i 's#client-cert-auth=true#client-cert-auth=false#' {MANIFEST}",
     {"refuses": ["none"]}, None),
    ("everybody is let in", AUTH_OFF, {"refuses": ["none"]}, "client-auth-disabled"),
    ("nobody may, which is asked", "", {"accepts": ["none"]}, "is refused"),
    ("another CA", "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout /root/k -out /root/c 2>/dev/null",
     {"ca": "/root/c"}, "not right"),
    ("no CA there", "", {"ca": "/root/none"}, "not there"),
    ("garbage as the CA", "echo x > /root/c", {"ca": "/root/c"}, "no certificate"),
    ("another name", "", {"ca": f"{PKI}/ca.crt", "sni": "etcd.example"}, "not right"),
    ("plain http", f"sed -i 's#\\(client-urls=\\)https#\\1http#' {MANIFEST}; sleep 0.5", {"accepts": ["kept"]},
     "plain-http"),
    ("nobody listens", f"mv {MANIFEST} /root/; sleep 1.5", {"accepts": ["kept"]}, "does not answer"),
)  # fmt: skip
def test_tls(bed, script, params, verdict):
    judge(bed, script, "tls", {"endpoint": URL, **params}, verdict)


@table(
    ("runs as root", "", {"match": "etcd", "user": "root", "args": {"name": "controlplane"}}, None),
    ("by its command line", "", {"match": "etcd --advertise"}, None),
    ("another flag", "", {"match": "etcd", "args": {"name": "m1"}}, "--name"),
    ("a flag that must not be", "", {"match": "etcd", "absent_args": ["name"]}, "runs with --name"),
    ("another user", "", {"match": "etcd", "user": "nobody"}, "another user"),
    ("edited, but not in effect", f"sed 's#--name=controlplane#--name=m1#' {MANIFEST} > /root/etcd.yaml",
     {"match": "etcd", "args": {"name": "m1"}}, "--name"),
    ("nothing of that name", "", {"match": "kube-apiserver"}, "runs"),
    ("a script of that name is no etcd", f"mv {MANIFEST} /root/; sleep 1.5; (exec -a etcd sleep 60) "
     ">/dev/null 2>&1 & sleep 0.2", {"match": "etcd", "args": {"name": "controlplane"}}, "--name"),
)  # fmt: skip
def test_process(bed, script, params, verdict):
    judge(bed, script, "process", params, verdict)


ELSEWHERE = {
    "resource": {"kind": "Pod", "name": "x"}, "unchanged": {"mark": "objects"}, "rollout": {"name": "x"}, "pods": {},
    "node": {"name": "controlplane"}, "connection": {"to": "10.0.0.1", "port": 1}, "dns": {"name": "x"},
    "systemd_unit": {"name": "kubelet"},
}  # fmt: skip
"""Graders that can't tell anything in a place without an API server and systemd."""


@pytest.mark.parametrize("grader", ELSEWHERE)
def test_what_a_place_does_not_have_is_not_the_learners_failure(bed, grader):
    from cka_lab.api import Mark
    from cka_lab.errors import CkaLabError

    bed.marks["objects"] = Mark("objects", facts={"objects": {"Pod/default/x": {"uid": "1"}}})
    with pytest.raises(CkaLabError, match=r"has no (API server|systemd)|runs no Pods"):
        bed.ask(grader, **ELSEWHERE[grader])


def test_a_gone_lab_is_our_failure_in_every_grader(bed):
    """LabGone, not a mismatch: grading turns it into ERROR."""
    from cka_lab.errors import LabGone

    bed.dirty = True
    bed.cluster.end()
    asked = {
        "etcd_health": {}, "etcd_members": {}, "etcd_key": {"mark": "kept"}, "etcd_status": {"no_alarm": True},
        "etcd_data_dir": {"path": "/x"}, "snapshot": {"path": "/x"}, "static_pod": {"name": "etcd"},
        "snapshot_report": {"path": "/x", "of": "snapshot", "field": "hash"}, "file": {"path": "/x"},
        "answer": {"path": "/x", "expect": "y"}, "certificate": {"path": "/x"}, "process": {"match": "etcd"},
        "tls": {"endpoint": URL, "accepts": ["kept"]}, "etcd_store": {"path": "/x"}, "restored": {"kept": "kept"},
        "control_plane": {},
    }  # fmt: skip
    assert asked.keys() | ELSEWHERE.keys() == plugins.built_in().graders.keys()
    for name, params in asked.items():
        began = time.monotonic()
        with pytest.raises(LabGone):
            bed.ask(name, **params)
        assert time.monotonic() - began < 5


def test_three_members():
    need("sandbox-3.5")
    with home("sandbox-3.5"):
        provider = make_provider("sandbox-3.5")
        bed = Bed(provider.create("three", ClusterSpec(etcd_members=3), Progress()))
        try:
            urls = [f"https://127.0.0.{n}:2379" for n in (11, 12, 13)]
            assert bed.ask("etcd_health", endpoints=urls, members=3) is None
            assert bed.ask("etcd_members", names=["m1", "m2", "m3"], answering=True, voting=["m1"]) is None
            assert bed.ask("tls", endpoint=urls[1], accepts=["kept"], refuses=["none"]) is None
            bed.sh("mv /etc/kubernetes/manifests/etcd-m2.yaml /root/; sleep 1.5")
            assert bed.ask("etcd_health", endpoints=[urls[0]]) is None
            assert bed.ask("etcd_health", endpoints=urls, members=3).message == "etcd is not healthy"
            assert "m2 does not answer" in bed.ask("etcd_members", answering=True).message
            bed.sh("mv /etc/kubernetes/manifests/etcd-m3.yaml /root/; sleep 1.5")
            found = bed.ask("etcd_health", endpoints=[urls[0]])
            assert found is not None
            assert found.message == "etcd is not healthy"
        finally:
            provider.delete("three")
