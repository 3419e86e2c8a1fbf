/**
 * SIGUSR1 closes the pair chat, SIGUSR2 has its clients counted, as they did in the older server. Loaded before the
 * rest of the program, because whoever does not listen for SIGUSR1 gets Node's debugger, and SIGUSR2 ends a process:
 * so this module imports nothing that is slow to load.
 */

const names = ['SIGUSR1', 'SIGUSR2'] as const;
type PairSignal = (typeof names)[number];

/** What the signals do once the server stands. */
export interface PairSignalActions {
  /** SIGUSR1 */
  closeAll(): void;
  /** SIGUSR2 */
  sayCount(): void;
}

/** Where signals come from: the process, or what a test has in its place. */
interface SignalSource {
  on(signal: PairSignal, listener: () => void): unknown;
}

/** Keeps what came before there was somebody to act on it: of each signal one, as the system does itself. */
export class PairSignals {
  readonly #early = new Set<PairSignal>();
  #actions: PairSignalActions | undefined;

  constructor(source: SignalSource) {
    for (const signal of names) {
      source.on(signal, () => {
        if (this.#actions) act(signal, this.#actions);
        else this.#early.add(signal);
      });
    }
  }

  /** From now on signals are acted on, and those that came before now. */
  connect(actions: PairSignalActions): void {
    this.#actions = actions;
    for (const signal of this.#early) act(signal, actions);
    this.#early.clear();
  }
}

function act(signal: PairSignal, actions: PairSignalActions): void {
  switch (signal) {
    case 'SIGUSR1':
      actions.closeAll();
      break;
    case 'SIGUSR2':
      actions.sayCount();
  }
}

/** Of this process, from the moment this module is loaded. */
export const pairSignals = new PairSignals(process);
