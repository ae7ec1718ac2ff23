# Nothing is NotReady any more.
kubectl delete node "$(kubectl get nodes -o name | grep worker | cut -d/ -f2)" --request-timeout=20s
