"""What tests do in a lab: commands on its machines, faults, questions to graders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import docker

from cka_lab import plugins
from cka_lab.grading import View, Writer
from cka_lab.params import bind
from cka_lab.providers.kind import containers
from cka_lab.providers.kind.engine import engine

KUBECTL = "kubectl --request-timeout=5s"


def sh(cluster, text, node=None, **options):
    """A command on a machine of a cluster; any exit code is fine."""
    return cluster.node(node).run(["bash", "-c", text], ok=range(256), **options)


def take_away(container, how):
    """docker's own kill, stop or pause of a node; what runc has frozen just then is thawed, as no process ends so."""
    api, options = engine().api, {"timeout": 0} if how == "stop" else {}
    try:
        getattr(api, how)(container, **options)
    except docker.errors.APIError:
        containers.thaw(container)
        if api.inspect_container(container)["State"]["Running"]:
            getattr(api, how)(container, **options)


@dataclass
class Bed:
    """A lab with marks; ``patient``: its graders wait for ages and for the lab to follow."""

    cluster: Any
    patient: bool = True
    marks: dict[str, Any] = field(default_factory=dict)
    dirty: bool = False
    """After a case that changed it."""

    def fault(self, name: str, /, **params: Any) -> None:
        function = plugins.built_in().faults[name].function
        function(Writer(self.cluster, self.marks, None), **bind(function, params))

    def sh(self, script: str) -> None:
        self.dirty = True
        self.cluster.node().run(["bash", "-ec", script], timeout=60)

    def ask(self, grader: str, /, **params: Any):
        function = plugins.built_in().graders[grader].function
        return function(View(self.cluster, self.marks, patient=self.patient), **bind(function, params))
