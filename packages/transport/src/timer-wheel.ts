/**
 * The timers of all links of an endpoint: hierarchical timing wheels (Varghese and Lauck, 1987) that hash deadlines by
 * the millisecond and yet keep them exact. Setting a timer costs the same with one link as with thousands.
 */

// Jest runs tests in a context of its own, where each look at a global such as `Math` costs much: one look is enough.
const { floor, max, min, clz32 } = Math;
const { isNaN } = Number;
const never = Infinity;

const slots = 256;
const levels = 3;
/** Milliseconds that a slot of each level spans: 1, 256, 65,536. */
const spanMs = [1, slots, slots * slots] as const;
/** What is more than four and a half hours ahead waits in a list of its own. */
const overflowSlot = levels * slots;
const wordsPerLevel = slots / 32;
const noSlot = -1;

/** One object a link, made once, so that setting a timer allocates nothing. A wheel alone changes its fields. */
export class WheelEntry<T> {
  readonly item: T;
  /** Milliseconds, with fractions; Infinity while it is not set. */
  deadline = never;
  slot = noSlot;
  /** Neighbours in a ring of those of the same slot. */
  next: WheelEntry<T> = this;
  previous: WheelEntry<T> = this;

  constructor(item: T) {
    this.item = item;
  }
}

/**
 * Times are milliseconds, not negative, with fractions. The wheel's own time moves with `takeExpired`: calling that
 * regularly, also when nothing can be due, keeps entries in the fine slots. An entry belongs to one wheel.
 */
export class TimerWheel<T> {
  /** The first entry of each slot, level by level, and of the overflow. */
  readonly #heads: (WheelEntry<T> | undefined)[] = new Array<WheelEntry<T> | undefined>(overflowSlot + 1).fill(
    undefined,
  );
  /** The earliest deadline of each slot: Infinity when it is empty, NaN when it has to be looked for. */
  readonly #earliest = new Float64Array(overflowSlot + 1).fill(never);
  /** A bit for each slot with entries. */
  readonly #occupied = new Int32Array(levels * wordsPerLevel);
  /**
   * The millisecond that the wheel has come to: no entry of level 0 is in a slot before it, none of the other levels in
   * one that begins at it or before. Until time has begun all is overflow.
   */
  #tick = -never;

  /** Sets, moves or (undefined) stops a timer. One that is set to a time already past expires at once. */
  set(entry: WheelEntry<T>, deadline: number | undefined): void {
    const at = deadline ?? never;
    if (!(at >= 0)) throw new RangeError(`no time: ${String(deadline)}`);
    if (at === entry.deadline) return;
    if (entry.slot !== noSlot) this.#remove(entry);
    entry.deadline = at;
    if (at !== never) this.#insert(entry, this.#slotOf(at));
  }

  /** The earliest deadline, exactly; undefined when no timer is set. */
  nextDeadline(): number | undefined {
    let next = this.#earliestOf(overflowSlot);
    for (let level = 0; level < levels; level += 1) {
      const slot = this.#firstSlot(level);
      if (slot !== noSlot) next = min(next, this.#earliestOf(slot));
    }
    return next === never ? undefined : next;
  }

  /**
   * Stops and returns a timer that is due, undefined when none is: those of an earlier millisecond first, and those of
   * the same in no order. A deadline that was past when it was set counts as of the time that the wheel had come to.
   */
  takeExpired(now: number): T | undefined {
    const nowTick = floor(now);
    if (this.#tick === -never) this.#begin(nowTick);
    for (;;) {
      const slot = this.#firstSlot(0);
      const at = slot === noSlot ? never : this.#startOf(slot);
      const coarse = this.#firstCoarseSlot();
      const coarseAt = coarse === noSlot ? never : this.#startOf(coarse);
      if (coarseAt <= at && coarseAt <= nowTick) {
        // Its entries may be the next: to the finer levels, and look again.
        this.#tick = max(this.#tick, coarseAt);
        this.#scatter(coarse);
        continue;
      }
      if (at > max(nowTick, this.#tick)) break;
      this.#tick = at;
      const entry = this.#dueIn(slot, now);
      if (!entry) return undefined;
      this.#remove(entry);
      entry.deadline = never;
      return entry.item;
    }
    this.#tick = max(this.#tick, nowTick);
    return undefined;
  }

  /** What was set before time began is sorted in now, those already past in their order too. */
  #begin(nowTick: number): void {
    this.#tick = min(nowTick, floor(this.#earliestOf(overflowSlot)));
    this.#scatter(overflowSlot);
  }

  #slotOf(deadline: number): number {
    const tick = this.#tick;
    const at = max(floor(deadline), tick);
    if (at - tick < slots) return at % slots;
    for (let level = 1; level < levels; level += 1) {
      const span = spanMs[level] ?? 1;
      const number = floor(at / span);
      if (number - floor(tick / span) < slots) return level * slots + (number % slots);
    }
    return overflowSlot;
  }

  /** The time at which an occupied slot begins. That of the overflow is where the coarsest slot of its earliest would. */
  #startOf(slot: number): number {
    if (slot === overflowSlot) return floorTo(this.#earliestOf(slot), slots * slots);
    const span = spanMs[floor(slot / slots)] ?? 1;
    const current = floor(this.#tick / span);
    return (current + ((slot - current) & (slots - 1))) * span;
  }

  /** The occupied slot above level 0 that begins first. */
  #firstCoarseSlot(): number {
    let first = this.#heads[overflowSlot] ? overflowSlot : noSlot;
    for (let level = levels - 1; level > 0; level -= 1) {
      const slot = this.#firstSlot(level);
      if (slot !== noSlot && (first === noSlot || this.#startOf(slot) < this.#startOf(first))) first = slot;
    }
    return first;
  }

  /** The occupied slot of a level that comes first from the wheel's time on, around its ring. */
  #firstSlot(level: number): number {
    const from = floor(this.#tick / (spanMs[level] ?? 1)) % slots;
    const beforeFrom = (1 << (from & 31)) - 1;
    for (let step = 0; step <= wordsPerLevel; step += 1) {
      const word = ((from >> 5) + step) % wordsPerLevel;
      let bits = this.#occupied[level * wordsPerLevel + word] ?? 0;
      // The word where it begins comes twice: its upper bits first, and its lower bits after all others.
      if (step === 0) bits &= ~beforeFrom;
      if (bits !== 0) return level * slots + word * 32 + 31 - clz32(bits & -bits);
    }
    return noSlot;
  }

  /** Some entry of the slot that is due. In all but the newest slot that is any. */
  #dueIn(slot: number, now: number): WheelEntry<T> | undefined {
    const head = this.#heads[slot];
    if (!head) return undefined;
    let entry = head;
    do {
      if (entry.deadline <= now) return entry;
      entry = entry.next;
    } while (entry !== head);
    return undefined;
  }

  #earliestOf(slot: number): number {
    const known = this.#earliest[slot] ?? never;
    const head = this.#heads[slot];
    if (!head || !isNaN(known)) return known;
    let earliest = head.deadline;
    for (let entry = head.next; entry !== head; entry = entry.next) earliest = min(earliest, entry.deadline);
    this.#earliest[slot] = earliest;
    return earliest;
  }

  /** Puts every entry of a slot where it belongs by the wheel's present time. */
  #scatter(slot: number): void {
    let entry = this.#heads[slot];
    if (!entry) return;
    const last = entry.previous;
    this.#empty(slot);
    for (;;) {
      const following: WheelEntry<T> = entry.next;
      this.#insert(entry, this.#slotOf(entry.deadline));
      if (entry === last) return;
      entry = following;
    }
  }

  #insert(entry: WheelEntry<T>, slot: number): void {
    entry.slot = slot;
    const head = this.#heads[slot];
    if (head) {
      entry.next = head;
      entry.previous = head.previous;
      head.previous.next = entry;
      head.previous = entry;
      // What is not known stays so: NaN is neither smaller nor larger.
      if (entry.deadline < (this.#earliest[slot] ?? never)) this.#earliest[slot] = entry.deadline;
      return;
    }
    entry.next = entry;
    entry.previous = entry;
    this.#heads[slot] = entry;
    this.#earliest[slot] = entry.deadline;
    if (slot !== overflowSlot) this.#occupied[slot >> 5] = (this.#occupied[slot >> 5] ?? 0) | (1 << (slot & 31));
  }

  #remove(entry: WheelEntry<T>): void {
    const { slot } = entry;
    entry.slot = noSlot;
    if (entry.next === entry) {
      this.#empty(slot);
      return;
    }
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    if (this.#heads[slot] === entry) this.#heads[slot] = entry.next;
    if (this.#earliest[slot] === entry.deadline) this.#earliest[slot] = NaN;
    entry.next = entry;
    entry.previous = entry;
  }

  #empty(slot: number): void {
    this.#heads[slot] = undefined;
    this.#earliest[slot] = never;
    if (slot !== overflowSlot) this.#occupied[slot >> 5] = (this.#occupied[slot >> 5] ?? 0) & ~(1 << (slot & 31));
  }
}

function floorTo(value: number, step: number): number {
  return floor(value / step) * step;
}
