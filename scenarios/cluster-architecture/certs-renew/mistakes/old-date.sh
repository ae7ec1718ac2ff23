# Looks at the date before it renews.
openssl x509 -noout -enddate -in /etc/kubernetes/pki/apiserver.crt | cut -d= -f2 > /root/apiserver-expiry.txt
kubeadm certs renew apiserver
crictl stop "$(crictl ps -q --name kube-apiserver)"
