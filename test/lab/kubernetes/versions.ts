// What the laboratory's cluster is made of. What is built is kept outside the tree, by version.
import { join } from 'node:path';
import { LAB_CACHE } from '../../../bench/compare/lab-programs.ts';

export const KUBERNETES_VERSION = 'v1.34.2';
/** What kubeadm of that version asks for (`kubeadm config images list`). */
export const COREDNS_IMAGE_TAG = 'v1.12.1';
export const ETCD_IMAGE_TAG = '3.6.5-0';
export const PAUSE_IMAGE_TAG = '3.10.1';

/** Programs, unpacked packages and images of this version. */
export const KUBERNETES_CACHE = join(LAB_CACHE, 'kubernetes', KUBERNETES_VERSION);
