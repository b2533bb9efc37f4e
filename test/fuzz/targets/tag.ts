// The loop tag: nothing but our own bytes is ours, whatever else comes in its option. The first
// byte says how the tag is made from the rest.
import { createKeyMaterial, KeyRing } from '../../../src/loop/keys.ts';
import {
  FILLED_TAG_OFFSET,
  MAX_FILLER_LENGTH,
  ReadTag,
  TAG_LENGTH,
  TagReader,
  TagVerdict,
} from '../../../src/loop/tag.ts';
import { check, type FuzzTarget } from '../target.ts';

const NOW_MS = 1_000_000;
const alone = new TagReader(new KeyRing(createKeyMaterial('', 'default'), NOW_MS), NOW_MS);
const shared = new TagReader(new KeyRing(createKeyMaterial('a cluster', 'default'), NOW_MS), NOW_MS);
const replica = new TagReader(new KeyRing(createKeyMaterial('a cluster', 'default'), NOW_MS), NOW_MS);
const otherRing = new TagReader(new KeyRing(createKeyMaterial('a cluster', 'front'), NOW_MS), NOW_MS);
const SENDERS = [alone, shared, replica, otherRing];
/** What `shared` must say of a sound tag of each sender. */
const VERDICTS = [TagVerdict.foreign, TagVerdict.own, TagVerdict.ring, TagVerdict.hop];
const said = new ReadTag();
let nowMs = NOW_MS;

export const tag: FuzzTarget = {
  name: 'tag',
  maxLength: 80,
  run(input) {
    if (input.length < 2) return -1;
    // Time to check tags is rationed: here there is always some.
    nowMs += 10;
    const sender = input[0]! & 3;
    const sound = SENDERS[sender]!.tagFor(input[1]!, input[0]! >> 4).slice(FILLED_TAG_OFFSET);
    check(
      shared.read(sound, 0, TAG_LENGTH, nowMs, said) === VERDICTS[sender],
      `a sound tag of sender ${sender}`,
    );
    if (sender === 1) check(said.routeSlot === input[1] && said.hops === input[0]! >> 4, 'the route or hops');

    // The sound tag with the rest of the input laid over it: authentic only if nothing but HOPS
    // differs.
    const changed = sound.slice();
    let differs = false;
    for (let i = 2; i < input.length && i < TAG_LENGTH + 2; i++) {
      changed[i - 2]! ^= input[i]!;
      if (i - 2 !== 1 && input[i] !== 0) differs = true;
    }
    const fillerLength = input[1]! % (MAX_FILLER_LENGTH + 1);
    const filled = new Uint8Array(fillerLength + TAG_LENGTH).fill(input[0]!);
    filled.set(changed, fillerLength);
    const verdict = shared.read(filled, 0, filled.length, nowMs, said);
    if (differs) {
      check(verdict === TagVerdict.none || verdict === TagVerdict.foreign, 'a forged tag is believed');
    } else {
      check(verdict === VERDICTS[sender], 'HOPS is not under the MAC, and yet matters');
    }
    // The input as it is, at any length.
    const raw = shared.read(input, 0, input.length, nowMs, said);
    check(raw === TagVerdict.none || raw === TagVerdict.foreign, 'bytes of another server are believed');
    check(alone.read(changed, 0, TAG_LENGTH, nowMs, said) !== TagVerdict.ring, 'a ring without a shared key');
    return verdict | (sender << 3) | (raw << 5) | (differs ? 0 : 256);
  },
};
