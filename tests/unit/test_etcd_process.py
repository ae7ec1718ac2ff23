"""etcd processes as their own command lines describe them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cka_lab.api import Process
from cka_lab.etcd.process import address, find_etcds, parse_flags
from cka_lab.providers.fake import FakeNode

KUBEADM = (
    "etcd",
    "--advertise-client-urls=https://10.0.0.5:2379",
    "--cert-file=/etc/kubernetes/pki/etcd/server.crt",
    "--client-cert-auth=true",
    "--data-dir=/var/lib/etcd",
    "--key-file=/etc/kubernetes/pki/etcd/server.key",
    "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.5:2379",
    "--name=controlplane",
    "--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt",
)
CONFIG = """\
name: m1
data-dir: /data
listen-client-urls: https://127.0.0.11:2379
client-transport-security:
  cert-file: /pki/server.crt
  client-cert-auth: true
peer-transport-security:
  cert-file: /pki/peer.crt
"""


def process(argv, pid=7, age=5.0, cwd="/"):
    return Process(pid, 1, tuple(argv), age, 0, cwd)


def only(*processes, files=()):
    node = FakeNode(process_list=list(processes))
    for path, data in dict(files).items():
        node.write(path, data)
    return find_etcds(node)


@pytest.mark.parametrize(
    ("argv", "flags"),
    [
        (["--data-dir=/a"], {"data-dir": "/a"}),
        (["--data-dir", "/a"], {"data-dir": "/a"}),
        (["-data-dir", "/a"], {"data-dir": "/a"}),
        (["-data-dir=/a"], {"data-dir": "/a"}),
        (["--client-cert-auth", "--data-dir", "/a"], {"client-cert-auth": "true", "data-dir": "/a"}),
        (["--client-cert-auth"], {"client-cert-auth": "true"}),
        (["--name="], {"name": ""}),
        (["--initial-cluster=m1=https://a:1,m2=https://b:2"], {"initial-cluster": "m1=https://a:1,m2=https://b:2"}),
        (["--name=a", "--name=b"], {"name": "b"}),
        (["--name=a", "--", "--name=b"], {"name": "a"}),
        ([], {}),
    ],
)
def test_flags_as_go_parses_them(argv, flags):
    assert parse_flags(argv) == flags


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True), st.from_regex(r"[!-,.-~][!-~]*", fullmatch=True)
    )
)
def test_both_spellings_mean_the_same(flags):
    joined = [f"--{name}={value}" for name, value in flags.items()]
    apart = [word for name, value in flags.items() for word in (f"--{name}", value)]
    assert parse_flags(joined) == parse_flags(apart) == flags


@given(st.lists(st.text(max_size=12), max_size=8))
def test_no_command_line_is_too_odd(argv):
    parse_flags(argv)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://127.0.0.1:2379", ("127.0.0.1", 2379)),
        ("https://0.0.0.0:2379", ("127.0.0.1", 2379)),
        ("https://[::]:2379", ("::1", 2379)),
        ("http://:4001", ("127.0.0.1", 4001)),
        ("127.0.0.1:2379", ("127.0.0.1", 2379)),
        ("https://etcd.local", ("etcd.local", 2379)),
    ],
)
def test_where_to_connect(url, where):
    assert address(url) == where


def test_kubeadms_etcd_is_understood():
    (etcd,) = only(process(KUBEADM))
    assert etcd.name == "controlplane"
    assert etcd.data_dir == "/var/lib/etcd"
    assert etcd.client_urls == ["https://127.0.0.1:2379", "https://10.0.0.5:2379"]
    assert etcd.advertised_urls == ["https://10.0.0.5:2379"]
    assert etcd.seen("/var/lib/etcd") == "/proc/7/root/var/lib/etcd"


def test_etcd_without_flags_has_its_defaults():
    (etcd,) = only(process(["/usr/local/bin/etcd"], cwd="/srv"))
    assert (etcd.name, etcd.data_dir, etcd.client_urls) == ("default", "/srv/default.etcd", ["http://localhost:2379"])


def test_other_programs_are_no_etcd():
    argvs = [
        ["etcdctl", "get", "/"],
        ["bash", "-c", "etcd"],
        ["bwrap", "--", "etcd"],
        ["vi", "etcd"],
        [],
        ["kube-etcd"],
    ]
    assert only(*(process(argv) for argv in argvs)) == []


def test_the_oldest_comes_first():
    assert [e.pid for e in only(process(["etcd"], 5, 1.0), process(["etcd"], 9, 60.0))] == [9, 5]


def test_a_config_file_is_read_as_the_process_sees_it_and_beats_the_flags():
    files = {"/proc/7/root/etc/etcd.yaml": CONFIG.encode(), "/etc/etcd.yaml": b"name: another"}
    (etcd,) = only(process(["etcd", "--config-file", "/etc/etcd.yaml", "--name=flag"]), files=files)
    assert (etcd.name, etcd.data_dir, etcd.client_urls) == ("m1", "/data", ["https://127.0.0.11:2379"])
    assert etcd.flags["cert-file"] == "/pki/server.crt"
    assert etcd.flags["client-cert-auth"] == "true"
    assert etcd.flags["peer-cert-file"] == "/pki/peer.crt"


@pytest.mark.parametrize("text", [b"- a list", b"\x00", b"a: [", b""])
def test_a_config_file_that_is_none_is_passed_over(text):
    (etcd,) = only(process(["etcd", "--config-file=/c", "--name=flag"]), files={"/proc/7/root/c": text})
    assert etcd.name == "flag"


def test_a_config_file_that_is_gone_is_passed_over():
    (etcd,) = only(process(["etcd", "--config-file=/c", "--name=flag"]))
    assert etcd.name == "flag"


def test_a_file_that_a_flag_names():
    node = FakeNode(process_list=[process(KUBEADM)])
    node.write("/proc/7/root/etc/kubernetes/pki/etcd/ca.crt", b"PEM")
    (etcd,) = find_etcds(node)
    assert etcd.file(node, "trusted-ca-file") == b"PEM"
    assert etcd.file(node, "cert-file") is None
    assert etcd.file(node, "no-such-flag") is None
