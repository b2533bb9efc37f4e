// `npm run image`: the image as an OCI archive, without Docker, in dist/image/, with its bill of
// materials and its digest beside it. docs/kubernetes/image.md. Needs root.
import { join } from 'node:path';
import { writeImageFiles } from './image-files.ts';
import { REPOSITORY } from './image-tree.ts';

const { archive, digest } = await writeImageFiles(join(REPOSITORY, 'dist/image'));
console.log(`${archive}\n${digest}`);
