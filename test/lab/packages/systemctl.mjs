#!/usr/lib/unloop/node
// systemd's part for the packages' scripts, in a root where no systemd runs: starts and stops what
// the units say, with their environment and as their user. What it is asked is in
// /run/systemctl.log.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [verb, ...names] = process.argv.slice(2).filter((word) => !word.startsWith('-'));
appendFileSync('/run/systemctl.log', `${process.argv.slice(2).join(' ')}\n`);
mkdirSync('/run/units', { recursive: true });
const FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system'];
const WITHIN_MS = 40_000;

function fragments(unit) {
  const file = FOLDERS.map((folder) => `${folder}/${unit}`).find((path) => existsSync(path));
  if (file === undefined) return [];
  const dropIns = FOLDERS.map((folder) => `${folder}/${unit}.d`)
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`));
  return [file, ...dropIns];
}

const text = (unit) =>
  fragments(unit)
    .map((path) => `# ${path}\n${readFileSync(path, 'utf8')}`)
    .join('\n');
const setting = (unit, key) =>
  [...text(unit).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value);

function pidOf(unit) {
  try {
    const pid = Number(readFileSync(`/run/units/${unit}`, 'utf8'));
    // The reaper is not here: what has ended is a zombie.
    return /^State:\s+[^ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? pid : null;
  } catch {
    return null;
  }
}

async function until(isIt) {
  for (const endMs = Date.now() + WITHIN_MS; Date.now() < endMs; await sleep(20)) if (isIt()) return true;
  return false;
}

async function start(unit) {
  if (pidOf(unit) !== null) return 0;
  if (!unit.endsWith('.service') || fragments(unit).length === 0) return 1;
  const [command] = setting(unit, 'ExecStart').slice(-1);
  const [user] = setting(unit, 'User').slice(-1);
  const [, , uid, gid] = new RegExp(`^(${user}):[^:]*:(\\d+):(\\d+)`, 'm').exec(
    readFileSync('/etc/passwd', 'utf8'),
  );
  const env = Object.fromEntries(setting(unit, 'Environment').map((word) => word.split(/=(.*)/s)));
  const log = `/run/${unit}.log`;
  rmSync(log, { force: true });
  const output = openSync(log, 'w');
  // As a child of the first process: rpm's scripts run in a network of their own.
  const enter = ['-t', '1', '--net', '--', 'setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const child = spawn('nsenter', [...enter, ...command.split(' ')], {
    env: { PATH: '/usr/bin', ...env },
    detached: true,
    stdio: ['ignore', output, output],
  });
  writeFileSync(`/run/units/${unit}`, String(child.pid));
  child.unref();
  let code = null;
  child.on('exit', (status) => {
    code = status ?? 1;
  });
  const isReady = () => readFileSync(log, 'utf8').includes('unloop is ready');
  await until(() => isReady() || code !== null);
  return isReady() ? 0 : 1;
}

async function stop(unit) {
  const pid = pidOf(unit);
  if (pid !== null) process.kill(pid, 'SIGTERM');
  const ended = await until(() => pidOf(unit) === null);
  rmSync(`/run/units/${unit}`, { force: true });
  return ended ? 0 : 1;
}

const linkOf = (unit) => `/etc/systemd/system/multi-user.target.wants/${unit}`;

const isNow = process.argv.includes('--now');

function enable(unit) {
  if (!existsSync(linkOf(unit))) {
    mkdirSync(dirname(linkOf(unit)), { recursive: true });
    symlinkSync(fragments(unit)[0], linkOf(unit));
  }
  return isNow ? start(unit) : 0;
}

/** What the distribution says of services that nobody has enabled yet: nothing is "enable". */
function preset(unit) {
  const folder = '/usr/lib/systemd/system-preset';
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const isDisabled = files.some((name) => /^disable \*$/m.test(readFileSync(`${folder}/${name}`, 'utf8')));
  return isDisabled ? 0 : enable(unit);
}

function disable(unit) {
  rmSync(linkOf(unit), { force: true });
  return isNow ? stop(unit) : 0;
}

const VERBS = {
  start,
  stop,
  restart: async (unit) => (await stop(unit)) || (await start(unit)),
  'is-active': (unit) => (pidOf(unit) === null ? 3 : 0),
  'is-enabled': (unit) => {
    const isEnabled = existsSync(linkOf(unit));
    process.stdout.write(isEnabled ? 'enabled\n' : 'disabled\n');
    return isEnabled ? 0 : 1;
  },
  'daemon-reload': () => 0,
  enable,
  preset,
  disable,
  cat: (unit) => {
    process.stdout.write(text(unit));
    return fragments(unit).length === 0 ? 1 : 0;
  },
};
let code = 0;
for (const name of names.length === 0 ? [''] : names) {
  const ended = VERBS[verb] === undefined ? 1 : await VERBS[verb](basename(name));
  code ||= ended;
}
process.exit(code);
