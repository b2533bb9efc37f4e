// The server process, for `unloop run`: reads the configuration, starts the control plane, and
// turns signals and file changes into reloads and a clean end.
import { UnloopError } from '../base/errors.ts';
import { type Log, type OpenLog, openLog } from '../base/log.ts';
import { formatFault } from '../config/fault.ts';
import type { LoadedConfig } from '../config/load.ts';
import { digestFiles, watchFiles } from '../config/watch-files.ts';
import { ServiceNotifier } from '../io/service-notifier.ts';
import { reportFallback } from '../server/control/control-log.ts';
import { ControlPlane } from '../server/control/control-plane.ts';
import { statisticsOf } from '../server/control/statistics.ts';
import { parseRunFlags } from './flags.ts';
import type { SignalInbox } from './signal-inbox.ts';
import { ConfigReader } from './start-config.ts';

/** How soon a pod on its fallback tries again what it was asked for. */
const RETRY_MS = 5000;

/** Runs until SIGTERM or SIGINT; resolves to the exit code. A second signal ends at once. */
export async function serve(args: string[], signals: SignalInbox): Promise<number> {
  const flags = parseRunFlags(args);
  const reader = new ConfigReader(flags);
  const { plane, openedLog, loaded: first, loadedText } = await start(reader);
  const { log, setLevel, close } = openedLog;
  let { setsNothing } = first;
  const notifier = new ServiceNotifier();
  const sayReady = () =>
    notifier.ready(
      `Forwarding; listening on ${plane.listen.map(({ host, port }) => `${host} port ${port}`)}`,
    );
  sayReady();
  if (notifier.lastError !== '')
    log.warn({ reason: notifier.lastError }, 'systemd could not be told that the service is ready');
  const watchdog = startWatchdog(notifier, plane);
  const reload = async () => {
    notifier.reloading();
    const inForce = await plane.reload(() => {
      const loaded = reader.load();
      if (loaded.setsNothing && !setsNothing) throw emptied(flags.configPath);
      return { config: loaded.config, loaded, loadedText: digestFiles(loaded) };
    });
    if (inForce !== null) {
      const { loaded } = inForce;
      ({ setsNothing } = loaded);
      setLevel(loaded.config.log.level);
      keepGood(reader, loaded, log);
      // It may name other files for its secrets.
      watch.close();
      watch = follow(inForce);
    }
    sayReady();
  };
  const follow = (now: FollowedConfig) => watchFiles(now.loaded, now.loadedText, () => void reload());
  let watch = follow({ loaded: first, loadedText });
  const retry = retryAsked(plane, reader, reload);
  const code = await new Promise<number>((resolve) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) {
        log.warn({ signal }, 'stopping at once');
        resolve(0);
        return;
      }
      stopping = true;
      notifier.stopping();
      log.info({ signal }, 'stopping');
      plane.stop().then(
        () => resolve(0),
        (error: unknown) => {
          log.error({ err: error }, 'could not stop cleanly');
          resolve(1);
        },
      );
    };
    signals.deliver({
      stop,
      reload: () => void reload(),
      logStatistics: (signal) => log.info({ signal, ...statisticsOf(plane) }, 'statistics'),
    });
  });
  watch.close();
  clearInterval(retry);
  clearInterval(watchdog);
  await close();
  // Handles of worker threads may linger; everything that mattered is done.
  setImmediate(() => process.exit(code));
  return code;
}

interface FollowedConfig {
  readonly loaded: LoadedConfig;
  /** The files' contents when they were loaded. */
  readonly loadedText: string | null;
}

interface Started extends FollowedConfig {
  readonly plane: ControlPlane;
  readonly openedLog: OpenLog;
}

/**
 * Starts with the first configuration that works. Rejects with what is wrong with the one that was
 * asked for where none does.
 */
async function start(reader: ConfigReader): Promise<Started> {
  let refused: unknown = null;
  for (const { name, load } of reader.startConfigs()) {
    let openedLog: OpenLog | null = null;
    try {
      const loaded = load();
      const loadedText = digestFiles(loaded);
      openedLog = openLog(loaded.config.log);
      const { log } = openedLog;
      if (name !== '') reportFallback(log, name, refused);
      for (const warning of loaded.warnings) log.warn({}, formatFault(warning));
      const plane = await ControlPlane.start(loaded.config, log);
      if (name === '') keepGood(reader, loaded, log);
      else plane.noteFallback();
      return { plane, openedLog, loaded, loadedText };
    } catch (error) {
      refused ??= error;
      await openedLog?.close();
    }
  }
  throw refused;
}

/**
 * On its fallback, a pod tries what it was asked for until that works: the port that was taken may
 * be free by now, or a secret repaired in a file that the fallback does not name.
 */
function retryAsked(
  plane: ControlPlane,
  reader: ConfigReader,
  reload: () => Promise<void>,
): NodeJS.Timeout | undefined {
  if (!plane.isOnFallback) return undefined;
  let isTrying = false;
  const retry = setInterval(() => {
    if (!plane.isOnFallback) clearInterval(retry);
    else if (!isTrying && reader.isLoadable()) {
      isTrying = true;
      void reload().finally(() => {
        isTrying = false;
      });
    }
  }, RETRY_MS);
  return retry;
}

/** Without it a start after a faulty change has the fallback alone; nothing else depends on it. */
function keepGood(reader: ConfigReader, loaded: LoadedConfig, log: Log): void {
  try {
    reader.keep(loaded);
  } catch (error) {
    log.warn(
      { reason: (error as Error).message },
      'the good configuration cannot be kept for the next start',
    );
  }
}

/**
 * A file that is emptied (a full disk, a template that failed) must not move a service that runs to
 * the defaults.
 */
function emptied(configPath: string | null): UnloopError {
  return new UnloopError(
    'UNLOOP_CONFIG_INVALID',
    `${configPath}: the file sets nothing any more`,
    'Write the settings back; to run with the defaults, restart the service.',
  );
}

/**
 * Gives a sign of life twice as often as asked, as long as every worker answers: a hung one gets
 * the service restarted.
 */
function startWatchdog(notifier: ServiceNotifier, plane: ControlPlane): NodeJS.Timeout | undefined {
  if (notifier.watchdogMs === 0) return undefined;
  return setInterval(() => void plane.isAlive().then(() => notifier.alive()), notifier.watchdogMs / 2);
}
