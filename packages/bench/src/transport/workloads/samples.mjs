// Durations, gathered and summed up.

export class Samples {
  #values = [];

  /** @param value in any unit */
  add(value) {
    this.#values.push(value);
  }

  /** Sums up what was added since the last call. */
  take() {
    const sorted = Float64Array.from(this.#values).sort();
    this.#values = [];
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
  }
}

/** The clock that all processes of one machine share, in ms. */
export function sharedNowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}
