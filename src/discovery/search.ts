// One search for upstreams: the node's files, what is looked for behind its stubs, what becomes of
// each candidate, and the notices that say so. Used by discover.
import { type Endpoint, type FoundUpstream, formatEndpoint, plainEndpoint } from '../base/endpoint.ts';
import { formatHostAndPort } from '../base/host-and-port.ts';
import type { ListenAddress } from '../config/config.ts';
import type { FoundZone, Notice } from './discovery.ts';
import { type InterfaceAddress, isLoopback, readInterfaceAddresses } from './loopback.ts';
import { NodeFiles } from './node-files.ts';
import * as say from './notices.ts';
import {
  dedupe,
  findReplacement,
  isSameSet,
  judgeEndpoint,
  mergeZones,
  type Replacement,
  type Surroundings,
  type Verdict,
} from './replacement.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { DOCKER_STUB } from './sources/docker.ts';
import { askServersBind } from './sources/servers-bind.ts';
import type { SourceContext } from './sources/source.ts';
import { isMagicDns, readMagicDns } from './sources/tailscale.ts';

/** More upstreams than this do not help. */
const MAX_UPSTREAMS = 32;
const MAX_ZONES = 128;

export interface DiscoverOptions {
  /** Absolute path, below root. */
  readonly resolvConf: string;
  /** '/', or where the node's files are mounted. */
  readonly root: string;
  readonly rewriteLoopback: 'auto' | 'always' | 'never';
  /** Our own listen addresses, never to be used as upstreams. */
  readonly listen: readonly ListenAddress[];
  /**
   * The files are another system's (a node's, seen from a container): its loopback cannot be
   * reached from here. Default: root is not '/'. A pod in the node's network may say false.
   */
  readonly isForeign?: boolean;
  /** For tests: this machine's addresses, the question to dnsmasq, the wall clock. */
  readonly interfaces?: readonly InterfaceAddress[];
  readonly askServersBind?: SourceContext['askServersBind'];
  readonly wallClockMs?: number;
}

/** A server to judge: from resolv.conf, or configured. */
export interface Candidate {
  readonly endpoint: Endpoint;
  readonly verdict: Verdict;
}

export class Search {
  readonly files: NodeFiles;
  readonly notices: Notice[] = [];
  /** Stubs that stay in use: "127.0.0.53:53". */
  readonly keptStubs: string[] = [];
  readonly #options: DiscoverOptions;
  readonly #surroundings: Surroundings;
  #replacement: Replacement | null = null;
  /** Names of a tailnet, and their server. */
  #tailnet: readonly FoundZone[] = [];
  #isMagicDnsCircular = false;

  constructor(options: DiscoverOptions) {
    this.#options = options;
    this.files = new NodeFiles(options.root);
    this.#surroundings = {
      listen: options.listen,
      interfaces: options.interfaces ?? readInterfaceAddresses(),
      isForeign: options.isForeign ?? this.files.isBelowRoot,
    };
  }

  /** A server that resolv.conf names. */
  judge(endpoint: Endpoint): Candidate {
    if (this.#isMagicDnsCircular && isMagicDns(endpoint.host)) return { endpoint, verdict: 'circular' };
    return { endpoint, verdict: judgeEndpoint(endpoint, this.#surroundings) };
  }

  /**
   * What resolv.conf says of Tailscale, before its servers are judged: the tailnet's names become
   * zones, and its server is no upstream for other names if it would send them to us.
   */
  async readTailnet(conf: ResolvConf): Promise<void> {
    const magic = await readMagicDns(this.files, conf);
    if (magic === null) return;
    // A node's loopback is not ours.
    const own = magic.behind.find(
      ({ endpoint }) =>
        judgeEndpoint(endpoint, this.#surroundings) === 'own' &&
        !(this.#surroundings.isForeign && isLoopback(endpoint.host)),
    );
    this.#tailnet = magic.zones;
    if (own === undefined) return;
    this.#isMagicDnsCircular = true;
    const { address } = conf.nameservers.find((server) => isMagicDns(server.address))!;
    const suffixes = magic.zones.map(({ suffix }) => suffix);
    this.notices.push(say.describeMagicLoop(address, formatEndpoint(own.endpoint), suffixes));
  }

  /**
   * A server that the configuration names. Loopback may be another container in the same pod: only
   * our own address is excluded.
   */
  judgeConfigured(endpoint: Endpoint): Candidate {
    return { endpoint, verdict: judgeEndpoint(endpoint, { ...this.#surroundings, isForeign: false }) };
  }

  /** The server that libc asks when resolv.conf names none (resolv.conf(5)). */
  libcDefault(): Candidate {
    return this.judge(plainEndpoint('127.0.0.1'));
  }

  /** Looks behind the stubs, if there are any and they may be rewritten. */
  async lookBehind(candidates: readonly Candidate[]): Promise<void> {
    const options = this.#options;
    const toReplace = candidates.filter(({ verdict }) => verdict !== 'good');
    if (toReplace.length === 0 || options.rewriteLoopback === 'never') return;
    // Only a stub of this very machine can be asked, and never ourselves.
    const stubs = this.#surroundings.isForeign
      ? []
      : toReplace.filter(({ verdict }) => verdict === 'stub').map(({ endpoint }) => endpoint.host);
    const context = {
      files: this.files,
      resolvConf: options.resolvConf,
      stubs: [...new Set(stubs)],
      askServersBind: options.askServersBind ?? askServersBind,
      wallClockMs: options.wallClockMs ?? Date.now(),
    };
    this.#replacement = await findReplacement(context, this.#surroundings);
    this.notices.push(...this.#replacement.notices);
  }

  /** What becomes of one candidate: itself, its replacement, or nothing. */
  settle({ endpoint, verdict }: Candidate, path: string): FoundUpstream[] {
    const asWritten: FoundUpstream = {
      endpoint: this.#nameInterface(endpoint),
      origin: { source: path, replaces: null, hostName: '' },
    };
    if (verdict === 'good') return [asWritten];
    const stub = formatHostAndPort(endpoint.host, endpoint.port);
    if (this.#isDockerToKeep(endpoint, verdict)) {
      const behind = this.#replacement!.upstreams.map((upstream) => formatEndpoint(upstream.endpoint));
      this.notices.push(say.describeDockerKept(stub, path, behind));
      this.keptStubs.push(stub);
      return [asWritten];
    }
    if (this.hasReplacement) return this.replace(stub, path, verdict === 'own');
    if (verdict === 'own') {
      this.notices.push(say.describeOwn(stub, path, []));
      return [];
    }
    if (verdict === 'circular') return [];
    const isNever = this.#options.rewriteLoopback === 'never';
    if (verdict === 'unreachable') {
      this.notices.push(say.describeUnreachable(stub, path, isNever));
      return isNever ? [asWritten] : [];
    }
    if (isNever) return [asWritten];
    const reason = this.#reasonToDrop();
    if (reason !== '') {
      this.notices.push(say.describeDropped(stub, path, reason));
      return [];
    }
    this.notices.push(say.describeKept(stub, path));
    this.keptStubs.push(stub);
    return [asWritten];
  }

  /** Docker's server of this container, which alone knows others, unless it forwards to us. */
  #isDockerToKeep({ host }: Endpoint, verdict: Verdict): boolean {
    if (host !== DOCKER_STUB || verdict !== 'stub' || this.#options.rewriteLoopback !== 'auto') return false;
    return this.hasReplacement && !this.#replacement!.leadsToUs;
  }

  /** Why a stub without a replacement must not be used; '' when it may. */
  #reasonToDrop(): string {
    if (this.#replacement?.leadsToUs === true) return 'it forwards to unloop';
    if (this.#options.rewriteLoopback !== 'always') return '';
    return 'no file names the servers behind it, and rewriting is set to always';
  }

  /** Whether real servers were found behind the stubs. */
  get hasReplacement(): boolean {
    return this.#replacement !== null && this.#replacement.upstreams.length > 0;
  }

  /** The upstreams in place of a stub, with a notice that says so. */
  replace(stub: string, path: string, isOwn = false): FoundUpstream[] {
    const upstreams = this.#replacement!.upstreams.map(({ endpoint, origin }) => ({
      endpoint: this.#nameInterface(endpoint),
      origin: { ...origin, replaces: stub },
    }));
    const texts = upstreams.map(({ endpoint }) => formatEndpoint(endpoint));
    const { source } = upstreams[0]!.origin;
    this.notices.push(
      isOwn ? say.describeOwn(stub, path, texts) : say.describeRewritten(stub, path, texts, source),
    );
    return upstreams;
  }

  /** resolved writes zones as interface indexes; the interface's name works everywhere. */
  #nameInterface(endpoint: Endpoint): Endpoint {
    const [address, index] = endpoint.host.split('%', 2) as [string, string | undefined];
    if (index === undefined || this.#surroundings.isForeign) return endpoint;
    const { interfaces } = this.#surroundings;
    const own = interfaces.find((one) => one.index === Number(index) && one.index > 0);
    return own === undefined ? endpoint : { ...endpoint, host: `${address}%${own.name}` };
  }

  /** Each upstream once, and no more of them than help. */
  limit(found: readonly FoundUpstream[]): FoundUpstream[] {
    const upstreams = dedupe(found);
    if (upstreams.length > MAX_UPSTREAMS)
      this.notices.push(say.describeTooMany(upstreams.length, MAX_UPSTREAMS));
    return upstreams.slice(0, MAX_UPSTREAMS);
  }

  /**
   * The routing domains that bypassing the stub would lose; a stub that stays in use sees to them
   * itself. And the names of a tailnet. `upstreams`: those for all other names.
   */
  takeZones(upstreams: readonly FoundUpstream[]): FoundZone[] {
    const behind = this.keptStubs.length > 0 ? [] : (this.#replacement?.zones ?? []);
    const zones = mergeZones([...this.#tailnet, ...behind]).map(({ suffix, upstreams: found }) => ({
      suffix,
      upstreams: found.slice(0, MAX_UPSTREAMS).map(({ endpoint, origin }) => ({
        endpoint: this.#nameInterface(endpoint),
        origin,
      })),
    }));
    // A zone whose upstreams are those of every other name is no zone.
    const taken = zones.filter((zone) => !isSameSet(zone.upstreams, upstreams)).slice(0, MAX_ZONES);
    this.notices.push(...say.describeZones(taken));
    return taken;
  }
}
