"""`cka-lab dev new`: a scenario that loads and can be proven as it stands, as a place to begin."""

from __future__ import annotations

import re
from pathlib import Path

from cka_lab.errors import UsageError
from cka_lab.schema import DOMAINS

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def template(pack: Path, domain: str, name: str) -> Path:
    """Write ``pack/scenarios/domain/name`` and return it. UsageError for bad names, and where something is there."""
    if domain not in DOMAINS:
        raise UsageError(f"there is no domain {domain!r}", fix=f"use one of: {', '.join(DOMAINS)}")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no id", fix="use lower case words joined by -, such as etcd-wrong-port")
    folder = pack / "scenarios" / domain / name
    if folder.exists():
        raise UsageError(f"{folder} exists already; it is left as it is", fix="choose another id")
    for file, text in FILES.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("DOMAIN", domain))
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)
    return folder


FILES = {
    "scenario.yaml": """\
schema: 1
title: Write down where etcd listens
domain: DOMAIN
topics: [etcd]
difficulty: 1
minutes: 5
requires: [etcd, static-pods]
providers: [sandbox]  # claim those on which you have proven it; without this line, all that can do what it requires

# What stands before the learner comes. `cka-lab dev schema` lists every set-up step, fault and grader with its params.
setup:
  - uses: write_file
    with: {path: /root/README, content: "Somebody asked where etcd listens.\\n"}

# What is broken. `bites` holds a grader that must pass before the learner sees the lab:
# faults:
#   - uses: set_pod_args
#     with: {pod: etcd, set: {data-dir: /var/lib/nowhere}}
#     bites: {uses: etcd_health, with: {...}}

tasks:
  - id: answer
    weight: 3
    text: |
      Write the address and port at which etcd serves its clients to `/root/answer.txt`, as `ADDRESS:PORT`.
    checks:
      - id: written
        points: 1
        uses: file
        with: {path: /root/answer.txt, exists: true}
        says: /root/answer.txt is there
      - id: right
        points: 2
        uses: answer
        with: {path: /root/answer.txt, expect: "127.0.0.1:2379", form: text}
        after: [written]
        says: it names etcd's client address
    hints:
      - text: The flags of etcd stand in its static pod's manifest.
        when: {check: right, outcome: skip}
      - text: "`--listen-client-urls` is the one; the other ports are for peers and metrics."
        when: {check: right}

# Near misses: what each must score, exactly. `diagnosis` names the code that must show.
mistakes:
  - run: mistakes/peer-port.sh
    score: 1
    says: takes the peers' port
  - run: mistakes/wrong-file.sh
    score: 0
    says: writes to another file

references:
  - https://kubernetes.io/docs/concepts/overview/components/

explanation: |
  A static pod's flags are in its manifest below /etc/kubernetes/manifests. Port 2379 is for clients, 2380 for peers, 2381 for metrics.
""",
    "solution.sh": """\
#!/usr/bin/env bash
# The worked solution: comment it as you would explain it.
set -euo pipefail

# The flag holds a URL; the address is what stands behind the slashes.
grep -o -- '--listen-client-urls=.*' /etc/kubernetes/manifests/etcd.yaml | sed 's#.*//##' > /root/answer.txt
cat /root/answer.txt
""",
    "mistakes/peer-port.sh": "echo 127.0.0.1:2380 > /root/answer.txt\n",
    "mistakes/wrong-file.sh": "echo 127.0.0.1:2379 > /root/answers.txt\n",
}
