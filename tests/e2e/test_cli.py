"""The command line as a user has it: the installed console script, a real sandbox, real exit codes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.places import home, need

CLI = str(Path(sys.executable).parent / "cka-lab")
SAVE = "etcd-snapshot-save"


@pytest.fixture(scope="module")
def data():
    need("sandbox-3.5")
    with home("sandbox-3.5") as folder:
        yield folder


def run(*args, stdin="", ok=(0,), **env):
    done = subprocess.run(
        [CLI, *args], input=stdin, capture_output=True, text=True, env=os.environ | env, timeout=120, cwd="/"
    )
    assert done.returncode in ok, (args, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def report(*args, **options):
    return json.loads(run(*args, "--json", **options).stdout)


def test_version_and_help():
    assert re.fullmatch(r"cka-lab \d+\.\d+\.\d+\n", run("--version").stdout)
    text = run("--help").stdout
    for command in ("list", "start", "check", "doctor", "dev"):
        assert f"  {command}" in text


def test_what_is_wrong_is_told_in_one_message_with_exit_code_2(data):
    assert "Did you mean 'check'" in run("chek", ok=(2,)).stderr
    assert "etcd-snapshot-save" in run("show", "etcd-snapshot-sav", ok=(2,)).stderr
    assert "no lab" in run("check", ok=(2,)).stderr
    assert "needs a terminal" in run(ok=(2,)).stderr
    assert "nowhere" in run("list", "--pack", "/nowhere").stderr
    assert "no provider" in run("start", SAVE, "--provider", "moon", ok=(2,)).stderr


def test_list_and_show(data):
    listed = report("list")["scenarios"]
    found = next(s for s in listed if s["id"] == SAVE)
    assert "sandbox" in found["available"]
    assert found["weight"] == 5
    assert SAVE in run("list").stdout
    assert report("list", "--domain", "storage")["scenarios"] == []
    shown = report("show", SAVE)
    assert "/opt/etcd-backup.db" in shown["tasks"][0]["text"]
    assert "solution" not in json.dumps(shown)


def test_a_whole_sitting(data):
    started = report("start", SAVE)
    lab = started["lab"]
    assert [entry["alive"] for entry in report("status")["labs"] if entry["id"] == lab] == [True]
    first = report("check", ok=(1,))
    assert first["score"] == {"earned": 0, "possible": 5, "unchecked": 0, "percent": 0}
    assert report("hint")["hints"][0]["text"]
    solution = report("solution")["solutions"]["solution.sh"]
    assert run("shell", "-c", "hostname; exit 3", ok=(3,)).stdout == "controlplane\n"
    assert "Snapshot saved" in run("shell", stdin=solution).stdout
    full = report("check", lab)
    assert full["score"]["percent"] == 100
    assert report("finish")["score"]["earned"] == 5
    assert report("status")["labs"][0]["phase"] == "finished"
    assert report("reset")["lab"] == lab
    assert report("check", ok=(1,))["score"]["earned"] == 0
    kinds = [a["kind"] for a in report("history")["attempts"]]
    assert kinds == ["check", "finish", "check", "check"]
    (best,) = [s["best"] for s in report("list")["scenarios"] if s["id"] == SAVE]
    assert best == {"earned": 5, "possible": 5}
    assert report("stop")["stopped"] == lab
    assert report("status")["labs"] == []


def test_grading_changes_nothing_in_the_lab(data):
    run("start", SAVE, "--no-shell")
    look = (
        "shell",
        "-c",
        "find /etc /opt /root /backup /srv /tmp /home /mnt -printf '%p %m %s %T@ %C@\\n' | sort; pgrep -c .",
    )
    try:
        run("shell", stdin=report("solution")["solutions"]["solution.sh"])
        before = run(*look).stdout
        first, second = report("check"), report("check")
        assert [t["checks"][0]["outcome"] for t in first["tasks"]] == [
            t["checks"][0]["outcome"] for t in second["tasks"]
        ]
        assert run(*look).stdout == before
    finally:
        run("stop")


def test_text_output_reads_well(data):
    run("start", SAVE, "--no-shell")
    try:
        text = run("check", ok=(1,)).stdout
        assert "0 of 5 points (0 %)" in text
        assert "expected:" in text
        assert "LEFT" in run("status").stdout
        assert run("hint").stdout.strip()
        assert "etcdctl" in run("solution").stdout
        assert SAVE in run("history").stdout
    finally:
        run("stop")


def test_a_lab_survives_kill_9_of_the_program_and_is_found_again(data):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(CLI, [CLI, "start", SAVE])
    read_until(fd, b"root@controlplane")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)
    (lab,) = report("status")["labs"]
    assert lab["alive"]
    assert lab["phase"] == "running"
    assert run("shell", "-c", "hostname").stdout == "controlplane\n"
    run("stop")


def test_the_shell_in_a_plain_terminal_has_prompt_job_control_resize_and_ctrl_c(data):
    run("start", SAVE, "--no-shell")
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(CLI, [CLI, "shell"])
    try:
        read_until(fd, b"root@controlplane")
        os.write(fd, b"sleep 300\r")
        time.sleep(0.3)
        os.write(fd, b"\x03")
        read_until(fd, b"^C")
        resize(fd, 33, 101)
        time.sleep(0.3)
        os.write(fd, b"stty size\r")
        read_until(fd, b"33 101")
        os.write(fd, b"sleep 200 &\rjobs\r")
        read_until(fd, b"Running")
        os.write(fd, b"\x1a\rexit 5\rexit 5\r")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    finally:
        os.close(fd)
        run("stop")


def resize(fd, rows, cols):
    import fcntl
    import struct
    import termios

    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def read_until(fd, text, seconds=20):
    seen, deadline = b"", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 65536)
    return seen


def test_ctrl_c_during_a_start_removes_what_was_made(data):
    child = subprocess.Popen([CLI, "start", "etcd-cert-path", "--no-shell"], stderr=subprocess.PIPE, text=True)
    while "node" not in child.stderr.readline():
        pass
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 130
    child.stderr.close()
    assert report("status")["labs"] == []


def test_a_dead_lab_is_told_and_reset_brings_it_back(data):
    lab = report("start", SAVE)["lab"]
    state = json.loads((data / "labs/sandbox" / lab / "state.json").read_text())
    os.kill(state["processes"][0]["pid"], signal.SIGKILL)
    time.sleep(0.3)
    assert "reset" in run("check", ok=(4,)).stderr
    assert "gone" in report("status")["labs"][0]["problem"]
    run("reset")
    assert report("check", ok=(1,))["score"]["earned"] == 0
    run("stop")


def test_doctor_finds_and_removes_what_was_left_over(data):
    assert report("doctor")["providers"][0]["ok"]
    (data / "labs/sandbox/stray-lab").mkdir(parents=True)
    assert any("stray-lab" in f["what"] for f in report("doctor")["findings"])
    assert any(f["fixed"] for f in report("doctor", "--fix")["findings"])
    assert not any("stray-lab" in f["what"] for f in report("doctor")["findings"])
    assert not (data / "labs/sandbox/stray-lab").exists()


def test_doctor_says_what_is_missing_and_how_to_get_it(data, tmp_path):
    found = report("doctor", ok=(3,), PATH=str(tmp_path))
    assert any("bubblewrap" in f["what"] and "apt-get install bubblewrap" in f["fix"] for f in found["findings"])
    done = run("start", SAVE, "--no-shell", ok=(3,), PATH=str(tmp_path))
    assert "not available here" in done.stderr
    assert "bubblewrap" in done.stderr


def test_the_demo_plays_and_is_true(data):
    told = report("demo")
    assert told["ok"]
    assert [step["ok"] for step in told["steps"]] == [True] * 5
    assert "full marks" in run("demo").stdout
    assert report("status")["labs"] == []


def test_a_database_of_a_newer_version_is_refused(data, tmp_path):
    import sqlite3

    db = sqlite3.connect(tmp_path / "cka-lab.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert "newer cka-lab" in run("history", ok=(2,), CKA_LAB_HOME=str(tmp_path)).stderr


def test_authors_commands(data, tmp_path):
    pack = tmp_path / "pack"
    run("dev", "new", "troubleshooting", "my-first", "--pack", str(pack))
    assert "exists" in run("dev", "new", "troubleshooting", "my-first", "--pack", str(pack), ok=(2,)).stderr
    proof = report("--pack", str(pack), "dev", "check", "my-first")
    assert proof["ok"], proof
    schema = json.loads(run("dev", "schema").stdout)
    assert schema["properties"]["schema"]
    started = report("start", "my-first", "--pack", str(pack))
    assert report("check", ok=(1,))["scenario"] == "my-first", started
    run("stop")
    broken = pack / "scenarios/troubleshooting/my-first/scenario.yaml"
    broken.write_text(broken.read_text().replace("difficulty:", "dificulty:"))
    done = run("dev", "check", "--pack", str(pack), ok=(1,))
    assert re.search(r"scenario.yaml:\d+:\d+: .*dificulty.*difficulty", done.stdout + done.stderr)


def test_json_of_every_report_is_json(data):
    run("start", SAVE, "--no-shell")
    try:
        for command in ("list", "status", "history", "doctor", "solution", "hint"):
            report(command)
    finally:
        run("clean", "--yes")
    assert report("clean")["removed"] == []
