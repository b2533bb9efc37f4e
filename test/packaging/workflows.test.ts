// The workflows of GitHub: what they may do, and that what they run is pinned. actionlint and
// zizmor look closer, in the laboratory (test/lab/packages/workflows.lab.ts).
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readRepositoryFile, repositoryFiles } from '../guard/repository-files.ts';

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string | readonly string[];
}

const files = repositoryFiles(['.github/workflows'], ['.yml']);

describe.each(files)('%s', (path) => {
  const text = readRepositoryFile(path);
  const workflow = parse(text) as Workflow;

  it('pins what it uses by digest, and says which version that is', () => {
    const uses = text.split('\n').filter((line) => /^\s*- uses:|^\s*image: /.test(line));
    expect(uses.length).toBeGreaterThan(1);
    const pinned = /@[0-9a-f]{40} # v[\d.]+$|@sha256:[0-9a-f]{64}$/;
    expect(uses.filter((line) => !pinned.test(line))).toEqual([]);
  });

  it('writes nothing unless a job says what', () => {
    expect(Object.values(workflow.permissions).filter((right) => right !== 'read')).toEqual([]);
  });

  it('lets git read the checkout, which belongs to another user, in its container', () => {
    expect(text).toMatch(/^ {4}container:$/m);
    expect(text).toContain('git config --global --add safe.directory "$PWD"');
  });

  it('needs no secret', () => {
    expect(text).not.toMatch(/\bsecrets\./);
  });
});

describe('the release', () => {
  const text = readRepositoryFile('.github/workflows/release.yml');
  const { defaults, jobs } = parse(text) as Workflow;
  const needs = (name: string): string[] => [jobs[name]!.needs ?? []].flat();

  it('publishes to npm, which takes nothing back, only when image and chart are there', () => {
    expect(needs('npm').sort()).toEqual(['build', 'image']);
    expect(needs('image')).toEqual(['build']);
    expect(needs('github').sort()).toEqual(['build', 'image', 'npm']);
  });

  it('runs the image before it has a name', () => {
    const steps = ['push-by-digest=true', 'docker run ', 'imagetools create --tag'].map((word) =>
      text.indexOf(word),
    );
    expect(steps).not.toContain(-1);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(text).not.toMatch(/buildx build[^\n]*--push/);
  });

  it('fails when the first command of a pipe does', () => {
    // What GitHub starts for "bash" has -o pipefail; what it starts by itself has not.
    expect(defaults?.run.shell).toBe('bash');
  });

  it('spells the owner as registries want it', () => {
    expect(text).toMatch(/registry=ghcr\.io\/\$\{OWNER,,\}/);
    expect(text).not.toMatch(/ghcr\.io\/\$\{\{/);
  });
});

it('the workflow of main runs what runs everywhere', () => {
  expect(readRepositoryFile('.github/workflows/ci.yml')).toMatch(/^\s*- run: \.ci\/run$/m);
});

it('the containers of the workflows are those of the Dockerfile', () => {
  const [, base] = /^FROM (\S+) AS build$/m.exec(readRepositoryFile('Dockerfile'))!;
  const images = files.flatMap((path) => [...readRepositoryFile(path).matchAll(/^\s*image: (\S+)$/gm)]);
  expect(images.map(([, image]) => image)).toEqual(images.map(() => base));
});
