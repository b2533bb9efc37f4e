// What the Dockerfile says of the image beside its files.
import { execForm } from './dockerfile.ts';
import { dockerfileStages } from './image-tree.ts';
import type { ImageConfig } from './oci-archive.ts';

/** The configuration of the image, with the build's arguments filled in. */
export function imageConfig(args: Readonly<Record<'VERSION' | 'REVISION', string>>): ImageConfig {
  const { final } = dockerfileStages();
  const word = (name: string) => final.instructions.findLast((each) => each.name === name)!.text;
  const filledIn = word('LABEL').replaceAll(
    /\$(VERSION|REVISION)/g,
    (_, name: keyof typeof args) => args[name],
  );
  const labels = [...filledIn.matchAll(/([\w.]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]);
  return {
    User: word('USER'),
    Env: [word('ENV')],
    WorkingDir: word('WORKDIR'),
    Entrypoint: execForm(final, 'ENTRYPOINT'),
    Cmd: execForm(final, 'CMD'),
    ExposedPorts: Object.fromEntries(
      word('EXPOSE')
        .split(/\s+/)
        .map((port) => [port, {}]),
    ),
    Labels: Object.fromEntries(labels),
    StopSignal: word('STOPSIGNAL'),
  };
}
