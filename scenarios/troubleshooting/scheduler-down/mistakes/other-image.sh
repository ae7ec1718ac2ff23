# The image was never the matter.
kubectl -n ops set image deployment/app app=busybox:1.35
