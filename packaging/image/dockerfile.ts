// Reads a Dockerfile into stages of instructions: the forms that ours uses, and an error for any
// other, so that a test never passes over a step that it does not know.

export interface Instruction {
  readonly name: string;
  /** The rest of the line, continuations joined. */
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  /** After AS; '' for none. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

const KNOWN = new Set(
  'ARG CMD COPY ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL RUN STOPSIGNAL USER WORKDIR'.split(' '),
);

export function parseDockerfile(text: string): Stage[] {
  const stages: { base: string; name: string; instructions: Instruction[] }[] = [];
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  for (const line of lines) {
    const match = /^\s*([A-Z]+)\s+(.*)$/.exec(line);
    if (match === null) {
      if (line.trim() !== '') throw new Error(`not an instruction: ${line}`);
      continue;
    }
    const [, name = '', rest = ''] = match;
    if (name === 'FROM') {
      const [, base = '', stage = ''] = /^(\S+)(?: AS (\S+))?$/.exec(rest.trim()) ?? [];
      stages.push({ base, name: stage, instructions: [] });
    } else if (KNOWN.has(name)) {
      stages.at(-1)!.instructions.push({ name, text: rest.trim() });
    } else {
      throw new Error(`unknown instruction ${name}`);
    }
  }
  return stages;
}

/** The words of a JSON form (["a", "b"]). */
export function execForm(stage: Stage, name: string): string[] {
  const { text } = stage.instructions.findLast((instruction) => instruction.name === name)!;
  return JSON.parse(text.slice(text.indexOf('['))) as string[];
}
