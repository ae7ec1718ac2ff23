# host: node01
# Runs, as long as this shell's session does.
. /var/lib/kubelet/kubeadm-flags.env
setsid /usr/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf \
    --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS $(sed -n 's/^KUBELET_EXTRA_ARGS=//p' /etc/default/kubelet) \
    >/var/log/kubelet.log 2>&1 </dev/null &
