// A hashed timing wheel: thousands of pending time-outs, no timer object and no allocation per
// query. Accuracy is one tick; a time-out never fires early. Used for retries, deadlines and idle
// connections.

/**
 * Something that can wait in a wheel. The wheel owns these fields; a timer is in at most one wheel.
 */
export interface WheelTimer {
  /** When it fires (clock ms); meaningful while armed. */
  dueMs: number;
  /** Neighbors in the slot's ring; null while not armed. */
  previousTimer: WheelTimer | null;
  nextTimer: WheelTimer | null;
  /** Called once when due. May arm itself or others, or cancel others. */
  onTimer(nowMs: number): void;
}

const SLOTS = 256;

/**
 * ```
 *  slot = (due / tickMs) mod 256        slots[7] ─▶ ◯ ⇄ timer ⇄ timer ⇄ ◯ (a ring with a sentinel)
 *  cursor: the last tick that was run   a timer further than one turn ahead stays for another turn
 * ```
 */
export class TimerWheel {
  readonly tickMs: number;
  /** Number of armed timers. */
  armed = 0;
  readonly #slots: WheelTimer[] = [];
  readonly #onArmed: (() => void) | null;
  #cursorTick: number;

  /**
   * @param onArmed called when the first timer is armed: call advance() from then on, until none is
   * armed
   */
  constructor(nowMs: number, tickMs = 10, onArmed: (() => void) | null = null) {
    this.tickMs = tickMs;
    this.#onArmed = onArmed;
    this.#cursorTick = Math.floor(nowMs / tickMs);
    for (let i = 0; i < SLOTS; i++) this.#slots.push(createSentinel());
  }

  /** Arms (or re-arms) a timer to fire at dueMs or up to one tick later. */
  arm(timer: WheelTimer, dueMs: number): void {
    if (timer.nextTimer !== null) this.cancel(timer);
    timer.dueMs = dueMs;
    const tick = Math.max(Math.ceil(dueMs / this.tickMs), this.#cursorTick + 1);
    const sentinel = this.#slots[tick % SLOTS]!;
    const last = sentinel.previousTimer!;
    timer.previousTimer = last;
    timer.nextTimer = sentinel;
    last.nextTimer = timer;
    sentinel.previousTimer = timer;
    if (this.armed++ === 0) this.#onArmed?.();
  }

  /** Disarms a timer; does nothing if it is not armed. */
  cancel(timer: WheelTimer): void {
    const next = timer.nextTimer;
    if (next === null) return;
    const previous = timer.previousTimer!;
    previous.nextTimer = next;
    next.previousTimer = previous;
    timer.nextTimer = null;
    timer.previousTimer = null;
    this.armed--;
  }

  /** Fires everything that is due at nowMs. Call it about once a tick while anything is armed. */
  advance(nowMs: number): void {
    const targetTick = Math.floor(nowMs / this.tickMs);
    // After a long sleep one turn visits every slot: more turns would find nothing else.
    const firstTick = Math.max(this.#cursorTick + 1, targetTick - SLOTS + 1);
    for (let tick = firstTick; tick <= targetTick; tick++) {
      this.#cursorTick = tick;
      this.#runSlot(this.#slots[tick % SLOTS]!, nowMs);
    }
  }

  /**
   * Fires a slot's due timers. The ring is first moved to a list of its own, as a callback may arm
   * or cancel any timer.
   */
  #runSlot(sentinel: WheelTimer, nowMs: number): void {
    if (sentinel.nextTimer === sentinel) return;
    const pending = createSentinel();
    pending.nextTimer = sentinel.nextTimer;
    pending.previousTimer = sentinel.previousTimer;
    pending.nextTimer!.previousTimer = pending;
    pending.previousTimer!.nextTimer = pending;
    sentinel.nextTimer = sentinel;
    sentinel.previousTimer = sentinel;
    for (let timer = pending.nextTimer!; timer !== pending; timer = pending.nextTimer!) {
      this.cancel(timer);
      if (timer.dueMs <= nowMs) timer.onTimer(nowMs);
      else this.arm(timer, timer.dueMs);
    }
  }
}

function createSentinel(): WheelTimer {
  const sentinel: WheelTimer = { dueMs: 0, previousTimer: null, nextTimer: null, onTimer() {} };
  sentinel.previousTimer = sentinel;
  sentinel.nextTimer = sentinel;
  return sentinel;
}
