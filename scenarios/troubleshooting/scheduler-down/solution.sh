#!/usr/bin/env bash
# Repair the scheduler's command.
set -euo pipefail

# 1. No event: nobody looked for a node.
kubectl -n ops describe pods | tail -3
kubectl -n kube-system get pods

# 2. What does the kubelet say of the scheduler?
kubectl -n kube-system describe pod -l component=kube-scheduler | tail -5
grep -A3 'command:' /etc/kubernetes/manifests/kube-scheduler.yaml

# 3. A letter is wrong.
sed -i 's/kube-schedular/kube-scheduler/' /etc/kubernetes/manifests/kube-scheduler.yaml

# 4. Wait until the Pods run.
for _ in $(seq 60); do
    kubectl -n ops rollout status deployment/app --timeout=1s && break
done
