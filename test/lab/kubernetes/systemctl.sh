#!/bin/sh
# The node has no systemd. This is the one request of the pages; kubeadm's other questions fail, as
# on a node without it (and it leaves kubelet's resolvConf alone).
case "$*" in
  'restart kubelet') pkill -x kubelet ;;
  *) exit 1 ;;
esac
