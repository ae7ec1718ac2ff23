# host: node01
# Lasts until the next boot.
systemctl start kubelet
