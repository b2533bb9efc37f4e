#!/bin/sh
# The first process of the laboratory's node. It has mounts, processes, network, host name and
# cgroups of its own; nothing of the machine changes.
#   FOLDER   ext4 directories containerd and kubelet: an overlay cannot carry containerd's
#   PROGRAMS kubelet, kubeadm, kubectl, kube-proxy and helm, by name
#   ROOT     Debian's packages, unpacked (programs.ts)
#   RESOLVED systemd-resolved
#   FAMILY   4 or 6: what pods and Services have
set -eu
hostname node1
mount -t sysfs sysfs /sys
. "$(dirname "$0")/../support/mount-cgroups.sh"

# What the node writes goes to memory: it sees the machine's /etc, /var and /opt below.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d /run/lock /run/node
mount -t tmpfs -o mode=755 tmpfs /run/node
for top in etc var opt; do
  mkdir /run/node/$top /run/node/$top.work
  mount -t overlay -o "lowerdir=/$top,upperdir=/run/node/$top,workdir=/run/node/$top.work" overlay /$top
done
mkdir -p /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/log/pods /var/log/containers
mkdir -p /etc/kubernetes /etc/cni/net.d /etc/containerd /opt/cni/bin
mount --bind "$FOLDER/containerd" /var/lib/containerd
mount --bind "$FOLDER/kubelet" /var/lib/kubelet

# Settings of the whole machine that kubelet wants to write: it finds the values that it wants, in
# files that lie over them.
mkdir /run/node/sysctl
lay_over() {
  echo "$2" > "/run/node/sysctl/$(basename "$1")"
  mount --bind "/run/node/sysctl/$(basename "$1")" "/proc/sys/$1"
}
lay_over vm/overcommit_memory 1
lay_over vm/panic_on_oom 0
lay_over kernel/panic 10
lay_over kernel/panic_on_oops 1
lay_over kernel/keys/root_maxkeys 1000000
lay_over kernel/keys/root_maxbytes 25000000
mount --make-rshared /

# The node's resolver, as Debian and Ubuntu have it: its stub in resolv.conf is what loops.
grep -q ^systemd-resolve: /etc/passwd || echo 'systemd-resolve:x:64053:64053::/:/usr/sbin/nologin' >> /etc/passwd
chown 64053:64053 /run/systemd/resolve
if [ "$FAMILY" = 6 ]; then server=fd00:91::2 address=fd00:91::1; else server=10.91.1.2 address=10.91.1.1; fi
printf '[Resolve]\nDNS=%s\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\nCache=no\n' $server \
  > /run/systemd/resolved.conf.d/lab.conf
rm -f /etc/resolv.conf
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost\n%s node1\n' $address > /etc/hosts

if [ "$FAMILY" = 6 ]; then pods=fd00:244::/64 all=::/0; else pods=10.244.0.0/24 all=0.0.0.0/0; fi
cat > /etc/cni/net.d/10-bridge.conflist << END
{"cniVersion":"1.0.0","name":"pods","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,
  "ipam":{"type":"host-local","ranges":[[{"subnet":"$pods"}]],"routes":[{"dst":"$all"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
END
cp "$ROOT"/usr/lib/cni/* /opt/cni/bin/
# restrict_oom_score_adj: without CAP_SYS_RESOURCE nobody lowers oom_score_adj, and runc fails.
cat > /etc/containerd/config.toml << 'END'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
END
containerd > /var/log/containerd.log 2>&1 &

# Services, as systemd would have them: started again when they end.
service() {
  while true; do
    "$@" >> "/var/log/$1.log" 2>&1 || true
    sleep 0.5
  done
}
start_resolved() { UNLOOP_LAB_RUN=/run "$RESOLVED"; }
start_kubelet() {
  # kubeadm's preparations come first.
  [ -e /run/node/kubelet.on ] && [ -e /var/lib/kubelet/config.yaml ] || return 0
  KUBELET_KUBEADM_ARGS=
  [ ! -e /var/lib/kubelet/kubeadm-flags.env ] || . /var/lib/kubelet/kubeadm-flags.env
  kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
    --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
}
service start_resolved &
service start_kubelet &
until [ -e /run/systemd/resolve/stub-resolv.conf ] && [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
echo up
while true; do sleep 1000; done
