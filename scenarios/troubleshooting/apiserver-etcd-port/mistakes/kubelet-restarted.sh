# Hopes that a restart helps.
systemctl restart kubelet
