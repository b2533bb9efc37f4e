// On Debian 12; `npm run test:packages` tries Debian 13 too.
import { debSuite } from './deb-suite.ts';

debSuite('bookworm');
if (process.env.PACKAGES_MATRIX === 'all') debSuite('trixie');
