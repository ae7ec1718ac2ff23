# Does the scheduler's work for two Pods.
node=$(kubectl get nodes -o jsonpath='{.items[0].metadata.name}')
kubectl -n ops patch deployment app -p "{\"spec\":{\"template\":{\"spec\":{\"nodeName\":\"$node\"}}}}"
kubectl -n ops rollout status deployment/app --timeout=60s
