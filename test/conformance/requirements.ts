// All requirements, in the order of the document.
import { EDNS_OPTIONS } from './edns-options.ts';
import { HOSTILE_MESSAGES } from './hostile-messages.ts';
import type { Requirement } from './requirement.ts';
import { RFC_1035 } from './rfc-1035.ts';
import { RFC_2308 } from './rfc-2308.ts';
import { RFC_3597 } from './rfc-3597.ts';
import { RFC_5452 } from './rfc-5452.ts';
import { RFC_5625 } from './rfc-5625.ts';
import { RFC_6891 } from './rfc-6891.ts';
import { RFC_7766 } from './rfc-7766.ts';
import { RFC_8767 } from './rfc-8767.ts';
import { RFC_8906 } from './rfc-8906.ts';

export const REQUIREMENTS: readonly Requirement[] = [
  ...RFC_1035,
  ...RFC_2308,
  ...RFC_3597,
  ...RFC_5452,
  ...RFC_5625,
  ...RFC_6891,
  ...RFC_7766,
  ...EDNS_OPTIONS,
  ...RFC_8767,
  ...RFC_8906,
  ...HOSTILE_MESSAGES,
];
