/** How long a test waits for what other programs, or the system, are to do; far more than they need. */
const untilMs = 20_000;

/** Waits for what happens by way of sockets. @param what is waited for, for the one who reads that it did not happen */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + untilMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
