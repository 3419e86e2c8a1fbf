let lastBuffer: Uint8Array | undefined;
let lastView: Uint8Array = new Uint8Array(0);

/**
 * The first bytes of a buffer, as a view of it. Most packets are as long as the one before, in the same buffer: then it
 * is the same view, which also lets others recognise it.
 */
export function packetView(buffer: Uint8Array, length: number): Uint8Array {
  if (buffer !== lastBuffer || length !== lastView.length) {
    lastBuffer = buffer;
    lastView = buffer.subarray(0, length);
  }
  return lastView;
}
