"""The line that starts the container is one and the same in the code, in README and (tests/e2e) in what works."""

from pathlib import Path

from cka_lab import container
from cka_lab.providers.sandbox import machine

REPOSITORY = Path(__file__).parent.parent.parent


def as_one_line(text):
    """Continued lines joined, as a shell does."""
    return " ".join(text.replace("\\\n", " ").split())


def test_readme_tells_the_lines_that_doctor_tells(monkeypatch):
    monkeypatch.setattr(container, "inside", lambda: False)
    readme = as_one_line((REPOSITORY / "README.md").read_text())
    assert container.line(socket=False) in readme
    assert container.line(socket=True) in readme


def test_the_socket_s_group_is_a_number_where_it_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(container, "inside", lambda: True)
    monkeypatch.setattr(container, "SOCKET", str(tmp_path))
    assert f"--group-add {tmp_path.stat().st_gid} " in container.line(socket=True)
    monkeypatch.setattr(container, "SOCKET", str(tmp_path / "gone"))
    assert f"--group-add {container.GROUP} " in container.line(socket=True)
    assert "--group-add" not in container.line_of_this()


def test_on_ubuntu_the_host_s_setting_is_told_before_the_line(monkeypatch):
    """AppArmor as such a host shows it: the tests' machines have none."""
    files = {"/proc/self/attr/current": "docker-default (enforce)\n", "/proc/self/status": "Seccomp:\t2\n"}
    monkeypatch.setattr(container, "_read", lambda path: files.get(path, ""))
    monkeypatch.setattr(container, "inside", lambda: True)
    monkeypatch.setattr(machine, "_setting", lambda name: "1" if "apparmor" in name else "")
    problem = machine._blocked("no")
    assert "held by docker's seccomp and apparmor" in problem.why
    assert problem.fix.index("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0") < problem.fix.index(
        "docker run"
    )
    files.clear()
    assert machine._blocked("no").fix == (
        "on the host, as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    )
