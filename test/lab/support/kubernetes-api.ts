// As much of a Kubernetes API server as CoreDNS's kubernetes plugin asks for: namespaces, services
// and endpoint slices, as lists and as watches, in JSON. Objects can be added while it runs.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

const KINDS = {
  '/api/v1/namespaces': { kind: 'Namespace', apiVersion: 'v1' },
  '/api/v1/services': { kind: 'Service', apiVersion: 'v1' },
  '/apis/discovery.k8s.io/v1/endpointslices': { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
} as const;
type Path = keyof typeof KINDS;
const SERVICES: Path = '/api/v1/services';

/** An address with a name, as a pod of a StatefulSet has it. */
export interface Pod {
  readonly hostname: string;
  readonly address: string;
}

export class KubernetesApi {
  readonly #objects = new Map<string, object[]>(Object.keys(KINDS).map((path) => [path, []]));
  readonly #watches = new Map<string, Set<http.ServerResponse>>(
    Object.keys(KINDS).map((path) => [path, new Set()]),
  );
  readonly #server = http.createServer((request, response) => this.#serve(request, response));
  #version = 1;

  static async start(): Promise<KubernetesApi> {
    const api = new KubernetesApi();
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  addNamespace(name: string): void {
    this.#add('/api/v1/namespaces', { metadata: { name } });
  }

  /** A Service with one port, http over TCP; 'None': it is headless. */
  addService(namespace: string, name: string, clusterIP: string): void {
    const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];
    const spec = { clusterIP, clusterIPs: [clusterIP], ports, type: 'ClusterIP' };
    this.#add(SERVICES, { metadata: { namespace, name }, spec, status: { loadBalancer: {} } });
  }

  /** The pods behind a Service. */
  addPods(namespace: string, service: string, pods: readonly Pod[]): void {
    const labels = { 'kubernetes.io/service-name': service };
    const endpoints = pods.map(({ hostname, address }) => ({
      hostname,
      addresses: [address],
      conditions: { ready: true },
    }));
    this.#add('/apis/discovery.k8s.io/v1/endpointslices', {
      metadata: { namespace, name: `${service}-1`, labels },
      addressType: 'IPv4',
      endpoints,
      ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    });
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #add(path: Path, object: { readonly metadata: object; readonly [part: string]: unknown }): void {
    const resourceVersion = String(++this.#version);
    const whole = { ...KINDS[path], ...object, metadata: { ...object.metadata, resourceVersion } };
    this.#objects.get(path)!.push(whole);
    const event = `${JSON.stringify({ type: 'ADDED', object: whole })}\n`;
    for (const watch of this.#watches.get(path)!) watch.write(event);
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url!, this.url);
    const kind = (KINDS as Readonly<Record<string, { kind: string; apiVersion: string }>>)[url.pathname];
    response.setHeader('Content-Type', 'application/json');
    // Watches that begin with a list of all are newer than this server: the client asks for a list.
    if (kind === undefined || url.searchParams.has('sendInitialEvents')) {
      response.statusCode = kind === undefined ? 404 : 400;
      response.end(
        JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: response.statusCode }),
      );
    } else if (url.searchParams.has('watch')) {
      const watches = this.#watches.get(url.pathname)!;
      watches.add(response);
      response.on('close', () => watches.delete(response));
      response.flushHeaders();
      // What came between the list and this watch.
      const since = Number(url.searchParams.get('resourceVersion') ?? 0);
      for (const object of this.#objects.get(url.pathname)!) {
        const { metadata } = object as { metadata: { resourceVersion: string } };
        if (Number(metadata.resourceVersion) > since)
          response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      }
    } else {
      const { kind: one, apiVersion } = kind;
      const metadata = { resourceVersion: String(this.#version) };
      response.end(
        JSON.stringify({ kind: `${one}List`, apiVersion, metadata, items: this.#objects.get(url.pathname) }),
      );
    }
  }
}
