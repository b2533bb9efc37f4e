// What systemd would run for a unit: its ExecStart with the variables of Environment= and
// EnvironmentFile= put in, from the unit file and its drop-ins (systemd.unit(5), systemd.exec(5),
// systemd.service(5)). Called by kubelet.
import { posix } from 'node:path';
import type { NodeFiles } from '../discovery/node-files.ts';
import { splitCommand, type Word } from './command-line.ts';

/** In falling priority: a file hides those of the same name further down. */
const DIRECTORIES = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
/** Bounds what a strange unit can make us read. */
const MAX_ENVIRONMENT_FILES = 16;

/** A unit as its files define it. */
export interface Unit {
  /**
   * The file that a change to the unit goes to: the unit file, or the drop-in that has the command;
   * '' without one.
   */
  readonly path: string;
  /** The words of the last ExecStart; empty when no file has one. */
  readonly command: readonly Word[];
  /** Every variable, as the command would see it. */
  readonly environment: ReadonlyMap<string, Assignment>;
}

/** KEY=value in a file. */
export interface Assignment {
  readonly key: string;
  /** Continued lines are still in it, with their line ends. */
  readonly value: string;
  readonly file: string;
  readonly line: number;
}

/** Reads a service. `lost`: the replacement if no file of the unit is here. Never throws. */
export async function readUnit(files: NodeFiles, name: string, lost: string): Promise<Unit> {
  let path = '';
  let execStart: Assignment | null = null;
  const fromUnit = new Map<string, Assignment>();
  let environmentFiles: string[] = [];
  const texts = await readUnitFiles(files, name);
  if (!texts.some(({ text }) => /^[ \t]*ExecStart=[ \t]*\S/m.test(text)))
    texts.unshift({ file: '', text: lost });
  for (const { file, text } of texts) {
    for (const assignment of readAssignments(text, file)) {
      const { key, value } = assignment;
      if (key === 'ExecStart') {
        // An empty one forgets what stood before.
        execStart = value === '' ? null : assignment;
        path = file;
      } else if (key === 'Environment') {
        if (value === '') fromUnit.clear();
        for (const variable of splitEnvironment(assignment)) fromUnit.set(variable.key, variable);
      } else if (key === 'EnvironmentFile') {
        const named = value.replace(/^-/, '').replaceAll(/^["']|["']$/g, '');
        environmentFiles = value === '' ? [] : [...environmentFiles, named];
      }
    }
  }
  // The files are read last, so they win (systemd.exec(5), EnvironmentFile=).
  const environment = new Map(fromUnit);
  for (const file of environmentFiles.slice(0, MAX_ENVIRONMENT_FILES)) {
    if (!file.startsWith('/')) continue;
    for (const variable of readAssignments(await files.text(file), file)) {
      environment.set(variable.key, withoutQuotes(variable));
    }
  }
  return { path, command: execStart === null ? [] : expand(execStart, environment), environment };
}

/** The unit file that counts, then the drop-ins in the order of their names. */
async function readUnitFiles(files: NodeFiles, name: string): Promise<{ file: string; text: string }[]> {
  const texts: { file: string; text: string }[] = [];
  for (const directory of DIRECTORIES) {
    const reading = await files.read(`${directory}/${name}.service`);
    if (reading.kind !== 'text') continue;
    texts.push({ file: reading.path, text: reading.text });
    break;
  }
  const dropIns = new Map<string, string>();
  for (const directory of DIRECTORIES) {
    const folder = `${directory}/${name}.service.d`;
    for (const file of await files.list(folder)) {
      if (file.endsWith('.conf') && !dropIns.has(file)) dropIns.set(file, posix.join(folder, file));
    }
  }
  for (const file of [...dropIns.keys()].sort().map((key) => dropIns.get(key)!)) {
    texts.push({ file, text: await files.text(file) });
  }
  return texts;
}

/** KEY=value lines; a line goes on after a backslash, comments in between are left out. */
function readAssignments(text: string, file: string): Assignment[] {
  const assignments: Assignment[] = [];
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s?(.*)$/.exec(lines[index]!);
    if (match === null) continue;
    const line = index + 1;
    let value = match[2]!;
    while (value.endsWith('\\') && index + 1 < lines.length) {
      index++;
      value += `\n${/^\s*[#;]/.test(lines[index]!) ? '\\' : lines[index]!}`;
    }
    assignments.push({ key: match[1]!, value: value.trim(), file, line });
  }
  return assignments;
}

/** Environment="A=x y" B=z: one assignment per word. */
function splitEnvironment({ value, file, line }: Assignment): Assignment[] {
  return splitCommand(value, file, line).flatMap((word) => {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word.text);
    return match === null ? [] : [{ key: match[1]!, value: match[2]!, file, line: word.line }];
  });
}

function withoutQuotes(assignment: Assignment): Assignment {
  const inside = /^"(.*)"$|^'(.*)'$/s.exec(assignment.value);
  return inside === null ? assignment : { ...assignment, value: inside[1] ?? inside[2]! };
}

/** $NAME as a word becomes the words of its value; ${NAME} in a word is put in as it is. */
function expand(execStart: Assignment, environment: ReadonlyMap<string, Assignment>): Word[] {
  return splitCommand(execStart.value, execStart.file, execStart.line).flatMap((word) => {
    const whole = /^\$([A-Za-z_]\w*)$/.exec(word.text)?.[1];
    if (whole !== undefined) {
      const variable = environment.get(whole);
      return variable === undefined ? [] : splitCommand(variable.value, variable.file, variable.line);
    }
    const text = word.text.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (_all, name: string) => {
      return environment.get(name)?.value ?? '';
    });
    return [{ ...word, text }];
  });
}
