/** When the packets of a handshake go out again: at 0, 200, 400, 800 ms, and then every half second. */
const firstAttemptsMs = [0, 200, 400, 800];
const laterIntervalMs = 500;

/** How long after attempt number `attempt` (the first is 0) the next one is due. */
export function retryDelayMs(attempt: number): number {
  const current = firstAttemptsMs[attempt];
  const next = firstAttemptsMs[attempt + 1];
  return current === undefined || next === undefined ? laterIntervalMs : next - current;
}
