/** Frames about streams that carry a state, such as a limit: they are sent anew when they are lost, with the state of then. */
import type { SentContent } from '../recovery/sent-packet.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import { controlFrameBytes } from '../wire/frame-writer.js';

/** One for each state and stream; how often it was sent and where does not matter, as only what holds now does. */
export abstract class ControlFrame implements SentContent {
  readonly #queue: ControlQueue;
  /** In the queue. */
  isQueued = false;

  constructor(queue: ControlQueue) {
    this.#queue = queue;
  }

  /** Into a writer with room for it. */
  abstract write(writer: ByteWriter): void;

  /** Whether the peer still has to know when it was lost. */
  abstract isNeeded(): boolean;

  queue(): void {
    this.#queue.add(this);
  }

  onAcknowledged(): void {
    // A limit is passed by the next one.
  }

  onLost(): void {
    if (this.isNeeded()) this.queue();
  }

  repeat(): SentContent | undefined {
    return undefined;
  }
}

/** Waiting frames; as many as there are states, at most. */
export class ControlQueue {
  readonly #waiting: ControlFrame[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(frame: ControlFrame): void {
    if (frame.isQueued) return;
    frame.isQueued = true;
    this.#waiting.push(frame);
  }

  writeInto(writer: ByteWriter, contents: SentContent[]): void {
    let written = 0;
    for (const frame of this.#waiting) {
      if (writer.room < controlFrameBytes) break;
      frame.isQueued = false;
      frame.write(writer);
      contents.push(frame);
      written += 1;
    }
    this.#waiting.splice(0, written);
  }
}
