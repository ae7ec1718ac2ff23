"""Pid 1 of the node: agent LISTENER-FD FAST-ETCD(0|1)."""

import os
import signal
import socket
import sys
import threading

sys.path[:0] = ["/run/.lab", "/run/.lab/site"]

from agent import cri, kubelet, proctree, server  # type: ignore[import-not-found]  # noqa: E402

listener = socket.socket(fileno=int(sys.argv[1]))
os.umask(0o022)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda *_: None)  # not SIG_IGN: every shell would inherit that
supervisor = kubelet.Kubelet(os.uname().nodename, sys.argv[2] == "1")
for work in (supervisor.run, proctree.reap_orphans, lambda: cri.serve(supervisor)):
    threading.Thread(target=work, daemon=True).start()
server.serve(listener, supervisor)
