# A good certificate that nobody serves.
cp -a /etc/kubernetes/pki /root/pki
kubeadm certs renew apiserver --cert-dir /root/pki
openssl x509 -noout -enddate -in /root/pki/apiserver.crt | cut -d= -f2 > /root/apiserver-expiry.txt
