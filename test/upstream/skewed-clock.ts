// A real clock that a test can set forward, for code that refreshes its clock by itself.
import { Clock } from '../../src/base/clock.ts';

/** The real time and whatever a test adds to it. */
export class SkewedClock extends Clock {
  // Not private by #: the base class's constructor refreshes before it exists.
  skewMs = 0;
  frozenMs: number | undefined;

  override refresh(): number {
    this.nowMs = (this.frozenMs ?? super.refresh()) + (this.skewMs ?? 0);
    return this.nowMs;
  }

  /** From now on time goes by skip() alone, however long the machine takes. */
  freeze(): void {
    this.frozenMs = super.refresh();
    this.refresh();
  }

  skip(ms: number): void {
    this.skewMs += ms;
    this.refresh();
  }
}
