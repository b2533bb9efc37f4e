// The running configuration as `GET /config` may show it: without its secrets. Masked by the name
// of the key, so that a secret added later is hidden before anybody thinks of it.
import { type Endpoint, formatEndpoint } from '../base/endpoint.ts';
import type { Config } from '../config/config.ts';

const SECRET_KEY = /(token|key|secret|password)$/i;
/** user:password@ in a URL. */
const USER_INFO = /\/\/[^/@\s]*@/g;
const MASK = '***';

/**
 * A copy with every secret that is set replaced; an empty one stays empty, to show that it is not
 * set.
 */
export function maskConfig(config: Config): unknown {
  return mask(config, '');
}

function mask(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    if (SECRET_KEY.test(key)) return value === '' ? '' : MASK;
    return value.replace(USER_INFO, `//${MASK}@`);
  }
  if (Array.isArray(value)) return value.map((item) => mask(item, key));
  if (value === null || typeof value !== 'object') return value;
  if ('urlPath' in value) return endpointJson(value as Endpoint);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mask(item, name)]));
}

/** With the names that this page has always had: they are public. */
function endpointJson(endpoint: Endpoint): unknown {
  const { transport, host, port, serverName, urlPath } = endpoint;
  return { text: formatEndpoint(endpoint), transport, host, port, serverName, path: urlPath };
}
