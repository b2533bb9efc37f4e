// The server process, for `unloop run`: reads the configuration, starts the control plane, and
// turns signals and file changes into reloads and a clean end.
import { UnloopError } from '../base/errors.ts';
import { openLog } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { formatFault } from '../config/fault.ts';
import { loadConfig } from '../config/load.ts';
import { digestFiles, watchFiles } from '../config/watch-files.ts';
import { ServiceNotifier } from '../io/service-notifier.ts';
import { ControlPlane } from '../server/control/control-plane.ts';
import { statisticsOf } from '../server/control/statistics.ts';
import { parseRunFlags } from './flags.ts';
import type { SignalInbox } from './signal-inbox.ts';

/** Runs until SIGTERM or SIGINT; resolves to the exit code. A second signal ends at once. */
export async function serve(args: string[], signals: SignalInbox): Promise<number> {
  const { configPath, overrides } = parseRunFlags(args);
  const load = () => loadConfig({ path: configPath, overrides });
  const first = load();
  const loadedText = digestFiles(first.files);
  let { setsNothing } = first;
  const { log, setLevel, close } = openLog(first.config.log);
  for (const warning of first.warnings) log.warn({}, formatFault(warning));

  const plane = await ControlPlane.start(first.config, log);
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
    await plane.reload((): Config => {
      const loaded = load();
      if (loaded.setsNothing && !setsNothing) throw emptied(configPath);
      ({ setsNothing } = loaded);
      setLevel(loaded.config.log.level);
      return loaded.config;
    });
    sayReady();
  };
  const watch = watchFiles(first.files, loadedText, () => void reload());
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
  clearInterval(watchdog);
  await close();
  // Handles of worker threads may linger; everything that mattered is done.
  setImmediate(() => process.exit(code));
  return code;
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
