// Checks across settings: settings that contradict each other (faults), and those that are allowed
// but seldom meant (warnings). Called by load.
import { statSync } from 'node:fs';
import { type Endpoint, formatEndpoint } from '../base/endpoint.ts';
import { isLoopback, isUnspecified, parseIp } from '../base/ip-address.ts';
import type { Assignment, Settings } from './assignment.ts';
import { checkLocal, warnOfAliasesAway } from './check-local.ts';
import type { Config, ListenAddress } from './config.ts';
import { type Fault, faultAt, type Place } from './fault.ts';
import { formatListen } from './listen-address.ts';
import { SETTINGS } from './schema.ts';

/** Shorter keys can be guessed. */
const MIN_SECRET_LENGTH = 16;
const WORLD_READABLE = 0o004;

/** Faults between settings; those of `badPaths` have a fault already and are left alone. */
export function checkTogether(settings: Settings, badPaths: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const orders = [
    ['cache.minTtl', 'cache.maxTtl'],
    ['loop.quarantine.min', 'loop.quarantine.max'],
  ] as const;
  for (const [minPath, maxPath] of orders) {
    if (badPaths.has(minPath) || badPaths.has(maxPath)) continue;
    const min = at(settings, minPath);
    const max = at(settings, maxPath);
    if ((min.value as number) <= (max.value as number)) continue;
    const place = min.place.file === 'default' ? max.place : min.place;
    faults.push(faultAt(place, minPath, `${minPath} (${show(min)}) is above ${maxPath} (${show(max)})`));
  }
  checkSearch(settings, faults);
  checkRace(settings, faults);
  if (!badPaths.has('listen') && !badPaths.has('admin.listen')) checkAdminListen(settings, faults);
  if (!badPaths.has('local.records')) faults.push(...checkLocal(settings));
  return faults;
}

/** A shorter name is asked for only to end the names below it. */
function checkSearch(settings: Settings, faults: Fault[]): void {
  for (const { setting, keys, value, place } of settings.values()) {
    if (setting.path !== 'zones.*.search' || value !== 'on') continue;
    const suffix = keys[1]!;
    if (settings.get(['zones', suffix, 'nxdomainCut'].join('\n'))?.value === true) continue;
    const path = `zones.${suffix}.search`;
    faults.push(
      faultAt(place, path, `${path}: on needs nxdomainCut: true in the same zone; add it, or write report`),
    );
  }
}

/** Where one upstream stands in for another, the others need not know its names. */
function checkRace(settings: Settings, faults: Fault[]): void {
  const read = (...keys: string[]) => settings.get(keys.join('\n'))?.value;
  const policyOf = (suffix: string) => read('zones', suffix, 'policy') ?? read('forward', 'policy');
  for (const { setting, keys, value, place } of settings.values()) {
    if (value === 1) continue;
    const isRanked =
      setting.path === 'forward.race'
        ? read('forward', 'policy') === 'sequential'
        : setting.path === 'zones.*.race' && policyOf(keys[1]!) === 'sequential';
    if (!isRanked) continue;
    const path = keys.join('.');
    faults.push(faultAt(place, path, `${path}: not with the policy sequential; choose another, or write 1`));
  }
}

function checkAdminListen(settings: Settings, faults: Fault[]): void {
  const listen = at(settings, 'listen');
  const admin = at(settings, 'admin.listen');
  const address = admin.value as ListenAddress | null;
  if (address === null || address.port === 0) return;
  const text = formatListen(address);
  if (!(listen.value as ListenAddress[]).some((other) => formatListen(other) === text)) return;
  const place = admin.place.file === 'default' ? listen.place : admin.place;
  faults.push(
    faultAt(
      place,
      'admin.listen',
      `admin.listen: ${text} is taken by listen; give the admin pages another port`,
    ),
  );
}

/** Allowed, but worth a warning. */
export function collectWarnings(config: Config, settings: Settings, configPath: string | null): Fault[] {
  const warnings: Fault[] = [];
  const warn = (path: string, message: string, place: Place = at(settings, path).place): void => {
    warnings.push(faultAt(place, path, message));
  };

  for (const { path, secret } of SETTINGS) {
    if (secret !== true || at(settings, path).value === '') continue;
    const { value, place } = at(settings, path);
    if (place.file === configPath && isWorldReadable(place.file)) {
      warn(path, `${path} is in a file that everybody may read; chmod o-r it, or use ${path}File`);
    }
    if ((value as string).length < MIN_SECRET_LENGTH) {
      warn(path, `${path} is shorter than ${MIN_SECRET_LENGTH} characters and can be guessed`);
    }
  }
  if (config.admin.listen !== null && !isLoopbackListener(config.admin.listen) && config.admin.token === '') {
    warn(
      'admin.listen',
      'admin.listen is not loopback and there is no admin.token; most admin pages stay closed',
    );
  }
  if (config.limits.allow.some((block) => block.endsWith('/0')) && !config.listen.every(isLoopbackListener)) {
    warn(
      'limits.allow',
      'limits.allow contains every address; an open resolver is a weapon against others (RFC 5358)',
    );
  }
  if (
    config.cache.serveStale.maxAgeSeconds > 0 &&
    config.cache.serveStale.afterMs >= config.forward.deadlineMs
  ) {
    const path =
      at(settings, 'cache.serveStale.after').place.file === 'default'
        ? 'forward.deadline'
        : 'cache.serveStale.after';
    warn(
      path,
      'cache.serveStale.after is not below forward.deadline; stale answers come only at the deadline',
    );
  }
  warnings.push(...warnOfAliasesAway(settings));
  // A stub's address is replaced by the servers behind it (discovery.rewriteLoopback), so it is no
  // loop yet.
  warnings.push(...ownUpstreams(config, settings, (upstream) => isRewritten(config, upstream)));
  return warnings;
}

/** Upstreams that are this server itself: every query would come back. */
export function findOwnUpstreams(config: Config, settings: Settings): Fault[] {
  return ownUpstreams(config, settings, (upstream) => !isRewritten(config, upstream));
}

function ownUpstreams(config: Config, settings: Settings, isMeant: (upstream: Endpoint) => boolean): Fault[] {
  const found: Fault[] = [];
  for (const { keys, value, place } of settings.values()) {
    if (keys.at(-1) !== 'upstreams' || value === 'auto') continue;
    for (const upstream of value as Endpoint[]) {
      if (!isMeant(upstream) || !config.listen.some((address) => isSame(address, upstream))) continue;
      const text = `${keys.join('.')}: ${formatEndpoint(upstream)} is our own listen address; every query comes back`;
      found.push(faultAt(place, 'upstreams', text));
    }
  }
  return found;
}

function isRewritten({ discovery }: Config, { host, port }: Endpoint): boolean {
  const ip = parseIp(host);
  return discovery.rewriteLoopback !== 'never' && port === 53 && ip !== null && isLoopback(ip);
}

function at(settings: Settings, path: string): Assignment {
  return settings.get(path.replaceAll('.', '\n'))!;
}

function show({ setting, value }: Assignment): string {
  return String(setting.type.toYaml(value));
}

function isLoopbackListener({ host }: ListenAddress): boolean {
  return isLoopback(parseIp(host)!);
}

/** A wildcard listener is reached by loopback addresses too. */
function isSame(listener: ListenAddress, upstream: Endpoint): boolean {
  if (listener.port !== upstream.port || upstream.transport === 'https' || upstream.transport === 'tls')
    return false;
  const listenIp = parseIp(listener.host)!;
  const upstreamIp = parseIp(upstream.host);
  if (upstreamIp === null) return false;
  if (listener.host === upstream.host) return true;
  return isUnspecified(listenIp) && listenIp.family === upstreamIp.family && isLoopback(upstreamIp);
}

function isWorldReadable(file: string): boolean {
  try {
    return (statSync(file).mode & WORLD_READABLE) !== 0;
  } catch {
    // The file was there a moment ago; without it there is nothing to warn about.
    return false;
  }
}
