"""The image of a node: which one, and ours derived from it, with what the exam's machines have on board."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cka_lab.errors import LabFailure, NotAvailable
from cka_lab.providers.kind.engine import LABEL, engine, home_mark, ours, reason
from cka_lab.wait import Progress

EXAM = "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"
"""The exam's Kubernetes, as kind 0.33 names it in its release notes."""
REPOSITORY = "cka-lab/node"
COMMANDS = {
    "sshd": "openssh-server", "ssh": "openssh-client", "sudo": "sudo", "vim": "vim", "nano": "nano", "jq": "jq",
    "tmux": "tmux", "tree": "tree", "less": "less", "ps": "procps", "crontab": "cron",
}  # fmt: skip
"""What a learner's hands expect: command to Debian package."""
COMPLETION = "/usr/share/bash-completion/bash_completion"
LOOK = f"""
for c in $0 $@; do command -v $c >/dev/null || echo $c; done; [ -e {COMPLETION} ] || echo bash-completion
echo --
containerd >/dev/null 2>&1 &
for i in $(seq 100); do ctr -n k8s.io images ls -q 2>/dev/null && break; sleep 0.1; done
"""
"""What an image lacks, a line with two dashes, and the images in its own containerd."""
IMAGES_LABEL = "io.cka-lab.images"
DOCKERFILE = """\
FROM {base} AS etcd
RUN mkdir -p /tools /work && cd /work; containerd >/dev/null 2>&1 & \
 for i in $(seq 100); do \
     name=$(ctr -n k8s.io images ls -q 2>/dev/null | grep -m1 /etcd:) && break; sleep 0.1; \
 done; \
 ctr -n k8s.io images export image.tar "$name" && tar -xf image.tar && for layer in blobs/sha256/*; do \
     tar -xf $layer --wildcards --transform 's#.*/##' -C /tools '*bin/etcdctl' '*bin/etcdutl' 2>/dev/null; \
 done; true

FROM {base}
LABEL {label}=node {images_label}="{images}"
COPY --from=etcd /tools/ /usr/local/bin/
{install}RUN useradd --create-home --shell /bin/bash candidate \\
 && echo 'candidate ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/candidate && chmod 440 /etc/sudoers.d/candidate \\
 && mkdir -p /run/sshd && ssh-keygen -A >/dev/null && rm -f /etc/motd /etc/update-motd.d/* \\
 && printf '%s\\n' 'PasswordAuthentication no' 'PrintLastLog no' >/etc/ssh/sshd_config.d/cka-lab.conf \\
 && printf '%s\\n' '[ -n "$BASH_VERSION" ] || return 0' '. {completion}' \\
 'source <(kubectl completion bash 2>/dev/null)' 'alias k=kubectl' 'complete -o default -F __start_kubectl k' \\
 '[ ! -r /etc/kubernetes/admin.conf ] || export KUBECONFIG=/etc/kubernetes/admin.conf' \\
 >/etc/profile.d/cka-lab.sh
"""
INSTALL = """\
{copy}RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {packages} \\
 && rm -rf /var/lib/apt/lists/*
"""


def wanted() -> str:
    """The image that clusters are made of, before anything is added."""
    return os.environ.get("CKA_LAB_NODE_IMAGE") or EXAM


def is_here(image: str) -> bool:
    import docker

    try:
        engine().images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def pull(image: str, progress: Progress) -> None:
    """Fetch an image that is not here. NotAvailable with the engine's own words."""
    import docker

    def failed(why: str) -> NotAvailable:
        fix = f"`docker pull {image}`, or `docker load` it from a file (docs/kind.md, offline use)"
        return NotAvailable(f"the image {image} is not here and can't be pulled: {why}", fix=fix)

    repository, _, tag = image.partition("@") if "@" in image else image.rpartition(":")
    with ours(f"pulling {image}"):
        try:
            layers: dict[str, tuple[int, int]] = {}
            for line in engine().api.pull(repository, tag=tag or None, stream=True, decode=True):
                if "error" in line:
                    raise failed(line["error"])
                if line.get("status") == "Downloading" and (about := line.get("progressDetail")):
                    layers[line["id"]] = (about.get("current", 0), about.get("total", 0))
                    got, size = (sum(column) >> 20 for column in zip(*layers.values(), strict=True))
                    progress.detail(f"{got} of {size} MiB")
                progress.check()
            engine().images.get(image)
        except docker.errors.APIError as error:
            raise failed(reason(error)) from error


def derived(progress: Progress) -> str:
    """The tag of our node image; built on first use, which takes a minute where packages are missing."""
    base = wanted()
    if not is_here(base):
        with progress.step(f"pulling {base}"):
            pull(base, progress)
    with ours(base):
        base_id = engine().images.get(base).id
    mark = hashlib.sha256(f"{base_id}{DOCKERFILE}{INSTALL}{COMMANDS}{LOOK}".encode()).hexdigest()[:12]
    tag = f"{REPOSITORY}:{mark}"
    if not is_here(tag):
        with progress.step("building the node image (once)"):
            build(base, *look(base), tag, progress)
    return tag


def look(base: str) -> tuple[list[str], list[str]]:
    """Debian packages of the tools that an image does not have, and the images that it has for its pods."""
    with ours(base):
        said = engine().containers.run(
            base,
            ["-c", LOOK, *COMMANDS],
            entrypoint="bash",
            remove=True,
            network_mode="none",
            name=f"cka-{home_mark()}look-{os.getpid()}",
            labels={LABEL: home_mark()},
        )
    lacks, _, has = said.decode().partition("--\n")
    return [COMMANDS.get(word, word) for word in lacks.split()], [n for n in has.split() if not n.startswith("sha256")]


def has_images(tag: str) -> frozenset[str]:
    """The images for pods that a derived node image has, by their full names."""
    with ours(tag):
        return frozenset((engine().images.get(tag).labels.get(IMAGES_LABEL) or "").split())


def build(base: str, packages: Sequence[str], images: Sequence[str], tag: str, progress: Progress) -> None:
    """Build the derived image. ``CKA_LAB_APT`` names a folder that takes the place of /etc/apt meanwhile.

    LabFailure with the last lines of what was said; Cancelled.
    """
    import docker

    apt = os.environ.get("CKA_LAB_APT", "")
    install = INSTALL.format(packages=" ".join(packages), copy="COPY apt /etc/apt\n" if apt else "") if packages else ""
    text = DOCKERFILE.format(
        base=base, label=LABEL, images_label=IMAGES_LABEL, images=" ".join(images), install=install,
        completion=COMPLETION,
    )  # fmt: skip
    said: deque[str] = deque(maxlen=8)
    try:
        for line in engine().api.build(
            fileobj=_context(text, Path(apt) if apt and packages else None), custom_context=True, tag=tag, rm=True,
            forcerm=True, network_mode="host" if apt and packages else None, decode=True,
        ):  # fmt: skip
            said.append(str(line.get("stream") or line.get("error") or "").strip())
            progress.detail(said[-1].splitlines()[-1][:60] if said[-1] else "")
            if "error" in line:
                why = " / ".join(filter(None, said))[-600:]
                raise LabFailure(
                    f"the node image can't be built: {why}", fix="is the network there? see `cka-lab doctor`"
                )
    except docker.errors.APIError as error:
        raise LabFailure(f"the node image can't be built: {reason(error)}") from error


def _context(dockerfile: str, apt: Path | None) -> Any:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        data = dockerfile.encode()
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
        if apt:
            tar.add(apt, "apt")
    packed.seek(0)
    return packed
