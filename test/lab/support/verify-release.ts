// Before the first test of `npm run test:packages`: the files of the release are whole.

import { verifyRelease } from '../../../packaging/release/verify.ts';
import { VERSION } from '../../../packaging/source.ts';
import { RELEASE_FOLDER } from './released.ts';

export default function verify(): void {
  console.log(`dist/release: ${verifyRelease(RELEASE_FOLDER, VERSION).length} files are whole`);
}
