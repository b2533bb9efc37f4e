// What kubeadm and kube-proxy are told. Everything else is their default.
import { stringify } from 'yaml';
import { KUBERNETES_VERSION } from './versions.ts';

/** Of pods and Services. */
export type Family = 4 | 6;
export type ProxyMode = 'nftables' | 'iptables';

const NETWORKS = {
  4: { node: '10.91.1.1', pods: '10.244.0.0/16', services: '10.96.0.0/16' },
  6: { node: 'fd00:91::1', pods: 'fd00:244::/56', services: 'fd00:96::/112' },
} as const;

const documents = (...all: readonly object[]) => all.map((each) => stringify(each)).join('---\n');

/** Init, cluster and kubelet. Nothing in it touches DNS: CoreDNS is as kubeadm installs it. */
export function kubeadmConfig(family: Family): string {
  const { node, pods, services } = NETWORKS[family];
  const apiVersion = 'kubeadm.k8s.io/v1beta4';
  return documents(
    {
      apiVersion,
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: node, bindPort: 6443 },
      nodeRegistration: {
        name: 'node1',
        criSocket: 'unix:///run/containerd/containerd.sock',
        // Pods run on the one node there is.
        taints: [],
        kubeletExtraArgs: [{ name: 'node-ip', value: node }],
      },
    },
    {
      apiVersion,
      kind: 'ClusterConfiguration',
      kubernetesVersion: KUBERNETES_VERSION,
      networking: { podSubnet: pods, serviceSubnet: services },
    },
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      cgroupDriver: 'cgroupfs',
      // Without CAP_SYS_RESOURCE it cannot be lowered.
      oomScoreAdj: 0,
      failSwapOn: false,
      // How soon a pod sees its changed ConfigMap; by itself it is a minute.
      syncFrequency: '10s',
      // The machine's disk may be nearly full for all we know: no eviction.
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    },
    { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' },
  );
}

/** It leaves the settings of connection tracking alone: they are the machine's. */
export function kubeProxyConfig(mode: ProxyMode, family: Family): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    clusterCIDR: NETWORKS[family].pods,
    hostnameOverride: 'node1',
    oomScoreAdj: 0,
    clientConnection: { kubeconfig: '/etc/kubernetes/admin.conf' },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}
