#!/usr/bin/env bash
# host: node01
# Start the kubelet, now and at every boot.
set -euo pipefail

systemctl status kubelet --no-pager || true     # inactive (dead); disabled
systemctl enable --now kubelet
systemctl is-active kubelet
