# Signed, but by a CA that no client knows.
cd /root
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=kubernetes -keyout own-ca.key -out own-ca.crt 2>/dev/null
openssl req -new -key /etc/kubernetes/pki/apiserver.key -subj /CN=kube-apiserver -out apiserver.csr
printf 'subjectAltName=DNS:kubernetes,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1\n' > names
openssl x509 -req -in apiserver.csr -CA own-ca.crt -CAkey own-ca.key -CAcreateserial -days 365 -extfile names \
    -out /etc/kubernetes/pki/apiserver.crt 2>/dev/null
openssl x509 -noout -enddate -in /etc/kubernetes/pki/apiserver.crt | cut -d= -f2 > /root/apiserver-expiry.txt
crictl stop "$(crictl ps -q --name kube-apiserver)"
