# Believes that a new file is enough.
kubeadm certs renew apiserver
openssl x509 -noout -enddate -in /etc/kubernetes/pki/apiserver.crt | cut -d= -f2 > /root/apiserver-expiry.txt
