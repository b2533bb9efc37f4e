// What the doctor knows of the resolv.conf in pods. Made by inspect; cluster-dns reads it.
import type { ResolvConf } from '../discovery/resolv-conf.ts';
import type { Target } from './service.ts';

/** What pods with dnsPolicy: Default get. */
export interface PodConf {
  /** kubelet's file; '' when it uses none. */
  readonly path: string;
  readonly state: ResolvConf['state'];
  readonly detail: string;
  readonly servers: readonly Target[];
  /** The file itself; null if there is none. */
  readonly conf: ResolvConf | null;
  /**
   * files: kubelet's files say so. pod: kubelet gave it to this very pod. guess: kubelet's default,
   * for want of anything better. none: this pod has another dnsPolicy, and sees nothing of it.
   */
  readonly basis: 'files' | 'pod' | 'guess' | 'none';
}
