// The part of the configuration that a worker's pipeline needs. Limits that are meant for all
// workers together are divided among them. Called by data-plane, at start and at each reload.
import { readVersion } from '../../base/version.ts';
import type { Config } from '../../config/config.ts';
import { AnyAnswer } from '../../local/any-answer.ts';
import type { IdentityAnswers } from '../../local/identity-answers.ts';
import type { LocalRecords } from '../../local/local-records.ts';
import { SpecialNames } from '../../local/special-names.ts';
import { ClientGate } from '../../pipeline/client-gate.ts';
import type { ClientRates } from '../../pipeline/client-rates.ts';
import type { ForwardTimes } from '../../pipeline/forward-times.ts';
import type { LocalData } from '../../pipeline/local-path.ts';
import type { PipelineSettings } from '../../pipeline/pipeline.ts';
import { QueryFilter } from '../../pipeline/query-filter.ts';
import type { QueryLines } from '../../pipeline/query-log.ts';
import { Rcode } from '../../wire/codes.ts';
import { textToName } from '../../wire/text.ts';
import { parseNetwork, servedNetworks } from '../listen/client-networks.ts';

/**
 * The settings of the pipeline of one of `workers` workers. Modules that few configurations need
 * are loaded for those alone: the answers about this server, and the query log, which workers write
 * themselves, not through the main thread.
 * @param queryLog the log that is open already; null: none
 */
export async function settingsFor(
  config: Config,
  workers: number,
  rates: ClientRates,
  queryLog: QueryLines | null,
): Promise<PipelineSettings> {
  const { perClientWaiting, rebindProtection, rebindExceptions } = config.limits;
  return {
    times: timesOf(config),
    marks: config.loop,
    gate: gateFor(config, rates),
    perClientWaiting: shareOf(perClientWaiting, workers),
    rebindExceptions: rebindProtection ? rebindExceptions : null,
    local: await localDataOf(config),
    nsid: config.identity.name === '' ? null : Buffer.from(config.identity.name),
    queryLog: config.log.queries ? (queryLog ?? (await openQueryLog(config))) : null,
    queryFilter: queryFilterOf(config),
  };
}

async function localDataOf(config: Config): Promise<LocalData> {
  const { specialNames, any } = config.local;
  return {
    identity: await identityOf(config),
    records: await recordsOf(config),
    special: specialNames ? new SpecialNames() : null,
    any: any === 'minimal' ? new AnyAnswer() : null,
  };
}

async function recordsOf({ local }: Config): Promise<LocalRecords | null> {
  const records = [...local.records, ...local.hosts.flatMap((file) => file.records)];
  if (records.length === 0) return null;
  const { LocalRecords } = await import('../../local/local-records.ts');
  const { ownersOf } = await import('../../config/local-owners.ts');
  return new LocalRecords(ownersOf(records), local.ttlSeconds);
}

async function identityOf({ identity }: Config): Promise<IdentityAnswers | null> {
  if (!identity.version && identity.name === '') return null;
  const { IdentityAnswers } = await import('../../local/identity-answers.ts');
  const version = identity.version ? `unloop ${readVersion()}` : '';
  return new IdentityAnswers({ version, name: identity.name });
}

async function openQueryLog({ log }: Config): Promise<QueryLines> {
  const { openLog } = await import('../../base/log.ts');
  return openLog({ ...log, level: 'info' });
}

function queryFilterOf({ log }: Config): QueryFilter {
  const { zones, clients, rcodes, slowerThanMs, sample } = log.queryFilter;
  return new QueryFilter({
    zones: zones.map(textToName),
    clients: clients.map(parseNetwork),
    rcodes: rcodes.map((name) => Rcode[name]),
    slowerThanMs,
    sample,
  });
}

function timesOf({ forward, cache }: Config): ForwardTimes {
  return {
    deadlineMs: forward.deadlineMs,
    staleAfterMs: cache.serveStale.afterMs,
    hedge: forward.hedge === 'auto',
  };
}

function gateFor(config: Config, rates: ClientRates): ClientGate {
  const { allow, deny, perClientQps } = config.limits;
  return new ClientGate(servedNetworks(allow), deny.map(parseNetwork), perClientQps, rates);
}

/**
 * One worker's share of a limit on what waits at a time. A client's queries fall on the workers at
 * random, by name or by port, so one worker may get more than its part. Four standard deviations
 * are room enough for a client that keeps to the limit, as CoreDNS with `max_concurrent` does.
 */
export function shareOf(limit: number, workers: number): number {
  if (workers === 1) return limit;
  const share = limit / workers;
  return Math.ceil(share + 4 * Math.sqrt(share));
}
