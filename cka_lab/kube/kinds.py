"""Where the API has its kinds."""

from __future__ import annotations

from cka_lab.errors import LabFailure

CLUSTER_WIDE = {
    "Namespace": "v1/namespaces",
    "Node": "v1/nodes",
    "PersistentVolume": "v1/persistentvolumes",
    "ClusterRole": "rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1/clusterrolebindings",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1/customresourcedefinitions",
    "IngressClass": "networking.k8s.io/v1/ingressclasses",
    "GatewayClass": "gateway.networking.k8s.io/v1/gatewayclasses",
    "PriorityClass": "scheduling.k8s.io/v1/priorityclasses",
    "RuntimeClass": "node.k8s.io/v1/runtimeclasses",
    "StorageClass": "storage.k8s.io/v1/storageclasses",
    "CSIDriver": "storage.k8s.io/v1/csidrivers",
    "CertificateSigningRequest": "certificates.k8s.io/v1/certificatesigningrequests",
    "APIService": "apiregistration.k8s.io/v1/apiservices",
}
NAMESPACED = {
    "ConfigMap": "v1/configmaps",
    "Endpoints": "v1/endpoints",
    "Event": "v1/events",
    "LimitRange": "v1/limitranges",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
    "Pod": "v1/pods",
    "ReplicationController": "v1/replicationcontrollers",
    "ResourceQuota": "v1/resourcequotas",
    "Secret": "v1/secrets",
    "Service": "v1/services",
    "ServiceAccount": "v1/serviceaccounts",
    "DaemonSet": "apps/v1/daemonsets",
    "Deployment": "apps/v1/deployments",
    "ReplicaSet": "apps/v1/replicasets",
    "StatefulSet": "apps/v1/statefulsets",
    "HorizontalPodAutoscaler": "autoscaling/v2/horizontalpodautoscalers",
    "CronJob": "batch/v1/cronjobs",
    "Job": "batch/v1/jobs",
    "Lease": "coordination.k8s.io/v1/leases",
    "EndpointSlice": "discovery.k8s.io/v1/endpointslices",
    "Gateway": "gateway.networking.k8s.io/v1/gateways",
    "HTTPRoute": "gateway.networking.k8s.io/v1/httproutes",
    "Ingress": "networking.k8s.io/v1/ingresses",
    "NetworkPolicy": "networking.k8s.io/v1/networkpolicies",
    "PodDisruptionBudget": "policy/v1/poddisruptionbudgets",
    "Role": "rbac.authorization.k8s.io/v1/roles",
    "RoleBinding": "rbac.authorization.k8s.io/v1/rolebindings",
}


def path_of(kind: str, namespace: str | None) -> str:
    """The path of a kind's collection: Deployment, or, for what is not listed here, GROUP/VERSION/PLURAL."""
    place = CLUSTER_WIDE.get(kind) or NAMESPACED.get(kind) or kind
    parts = place.split("/")
    if len(parts) not in (2, 3) or not parts[-1].islower():
        raise LabFailure(f"there is no known kind {kind!r}; others are named GROUP/VERSION/PLURAL")
    root = "/api/v1" if len(parts) == 2 else f"/apis/{parts[0]}/{parts[1]}"
    inside = f"/namespaces/{namespace}" if namespace and kind not in CLUSTER_WIDE else ""
    return f"{root}{inside}/{parts[-1]}"
