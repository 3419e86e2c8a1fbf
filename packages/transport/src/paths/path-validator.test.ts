import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { PathValidator } from './path-validator.js';

const home = { address: '192.0.2.1', port: 1 };
const rebound = { address: '192.0.2.1', port: 2 };
const away = { address: '198.51.100.7', port: 3 };
const elsewhere = { address: '203.0.113.9', port: 4 };
const ptoMs = 200;
const probeBytes = 41;

function validator(isProven = true, allowanceBytes = 0): PathValidator {
  const random = new SeededRandom(1);
  return new PathValidator({ address: home, isProven, allowanceBytes }, (length) => random.bytes(length));
}

describe('PathValidator', () => {
  it('stays where it is for packets from there, and asks nobody', () => {
    const path = validator();
    path.onDatagram(0, home, 100, true, ptoMs);
    expect([path.address, path.isProven, path.budgetBytes, path.deadline]).toEqual([home, true, Infinity, undefined]);
    expect(path.takeProbe(probeBytes)).toBeUndefined();
  });

  it('asks a new address, and goes there when it has answered', () => {
    for (const [to, change] of [
      [away, 'move'],
      [rebound, 'rebinding'],
    ] as const) {
      const path = validator();
      path.onDatagram(0, to, 100, true, ptoMs);
      expect(path.address).toEqual(home);
      const probe = path.takeProbe(probeBytes)!;
      expect([probe.to, probe.data.length]).toEqual([to, 8]);
      expect(path.takeProbe(probeBytes)).toBeUndefined();
      expect(path.onResponse(new Uint8Array(8))).toBe('none');
      expect(path.onResponse(probe.data)).toBe(change);
      expect([path.address, path.isProven, path.deadline]).toEqual([to, true, undefined]);
      // Once.
      expect(path.onResponse(probe.data)).toBe('none');
    }
  });

  it('is not led anywhere by a packet that is not the newest', () => {
    const path = validator();
    path.onDatagram(0, away, 100, false, ptoMs);
    expect(path.takeProbe(probeBytes)).toBeUndefined();
    path.onDatagram(0, away, 100, true, ptoMs);
    path.onDatagram(1, elsewhere, 100, false, ptoMs);
    expect(path.takeProbe(probeBytes)?.to).toEqual(away);
  });

  it('sends at most three times what came from an address that is asked', () => {
    const path = validator();
    path.onDatagram(0, away, 30, true, ptoMs);
    let sent = 0;
    for (let i = 0; i < 20 && path.deadline !== undefined; i += 1) {
      if (path.takeProbe(probeBytes)) sent += probeBytes;
      path.onTimeout(path.deadline, ptoMs);
    }
    expect(sent).toBe(2 * probeBytes);
    expect(path.maySend(away, 1)).toBe(false);
    const other = validator();
    other.onDatagram(0, away, 100, true, ptoMs);
    expect([other.maySend(away, 300), other.maySend(away, 301), other.maySend(elsewhere, 1)]).toEqual([
      true,
      false,
      false,
    ]);
    other.onSentTo(away, 290);
    expect(other.takeProbe(probeBytes)).toBeUndefined();
    other.onDatagram(1, away, 12, false, ptoMs);
    expect(other.maySend(away, 46)).toBe(true);
  });

  it('repeats a challenge with other bytes, waiting twice as long each time, and gives up', () => {
    const path = validator();
    path.onDatagram(0, away, 10_000, true, ptoMs);
    const waits: number[] = [];
    const seen = new Set<string>();
    let now = 0;
    while (path.deadline !== undefined) {
      const probe = path.takeProbe(probeBytes);
      if (probe) seen.add(Buffer.from(probe.data).toString('hex'));
      waits.push(path.deadline - now);
      now = path.deadline;
      path.onTimeout(now, ptoMs);
    }
    expect(waits.slice(0, 4)).toEqual([200, 400, 800, 1_600]);
    // As long as probes wait at most.
    expect(new Set(waits.slice(4))).toEqual(new Set([2_000]));
    expect(seen.size).toBe(9);
    expect(path.address).toEqual(home);
    // Heard anew, it is asked anew.
    path.onDatagram(200_000, away, 100, true, ptoMs);
    expect(path.takeProbe(probeBytes)?.to).toEqual(away);
  });

  it('takes the answer to a challenge that it has repeated meanwhile', () => {
    const path = validator();
    path.onDatagram(0, away, 10_000, true, 26);
    const first = path.takeProbe(probeBytes)!.data.slice();
    path.onTimeout(path.deadline!, 26);
    path.onTimeout(path.deadline!, 26);
    expect(path.onResponse(first)).toBe('move');
  });

  it('waits for a path that is far slower than the one in use', () => {
    for (const roundTripMs of [1, 60, 150, 333, 500, 750, 1_500]) {
      const path = validator();
      const answers: { at: number; data: Uint8Array }[] = [];
      path.onDatagram(0, away, 1_000, true, 26);
      for (let now = 0; now < 3_000 && path.address.address !== away.address; now += 1) {
        path.onTimeout(now, 26);
        const probe = path.takeProbe(probeBytes);
        if (probe) answers.push({ at: now + roundTripMs, data: probe.data.slice() });
        for (const answer of answers) if (answer.at === now) path.onResponse(answer.data);
      }
      expect([roundTripMs, path.address]).toEqual([roundTripMs, away]);
    }
  });

  it('forgets an address for a newer one, its bytes and its challenges', () => {
    const path = validator();
    path.onDatagram(0, away, 1_000, true, ptoMs);
    const former = path.takeProbe(probeBytes)!.data;
    path.onDatagram(50, elsewhere, 40, true, ptoMs);
    expect(path.deadline).toBe(250);
    expect(path.onResponse(former)).toBe('none');
    expect([path.maySend(elsewhere, 120), path.maySend(elsewhere, 121)]).toEqual([true, false]);
    expect(path.onResponse(path.takeProbe(probeBytes)!.data)).toBe('move');
    expect(path.address).toEqual(elsewhere);
  });

  it('asks no more once the peer is heard from where it was', () => {
    const path = validator();
    path.onDatagram(0, away, 1_000, true, ptoMs);
    const probe = path.takeProbe(probeBytes)!;
    path.onDatagram(10, home, 100, true, ptoMs);
    expect(path.deadline).toBeUndefined();
    expect(path.onResponse(probe.data)).toBe('none');
    expect(path.address).toEqual(home);
  });

  it('bounds what goes to a first address that is not proven', () => {
    const path = validator(false, 500);
    expect([path.isProven, path.budgetBytes]).toEqual([false, 500]);
    path.onSent(400);
    path.onDatagram(0, home, 100, true, ptoMs);
    expect(path.budgetBytes).toBe(400);
    path.proveFirst();
    expect([path.isProven, path.budgetBytes]).toEqual([true, Infinity]);
  });

  it('does not take a later address for the first', () => {
    const path = validator(false, 0);
    path.onDatagram(0, away, 100, true, ptoMs);
    expect(path.onResponse(path.takeProbe(probeBytes)!.data)).toBe('move');
    expect(path.isProven).toBe(true);
    path.proveFirst();
    expect(path.address).toEqual(away);
  });

  it('keeps addresses of its own, whatever the driver does to the object', () => {
    const path = validator();
    const source = { ...away };
    path.onDatagram(0, source, 100, true, ptoMs);
    source.port = 9;
    expect(path.takeProbe(probeBytes)?.to).toEqual(away);
  });

  it('goes where it is told, and then follows nobody for a while', () => {
    for (const [to, change] of [
      [away, 'move'],
      [rebound, 'rebinding'],
    ] as const) {
      const path = validator(false, 100);
      path.onDatagram(0, elsewhere, 100, true, ptoMs);
      const asked = path.takeProbe(probeBytes)!;
      expect(path.moveTo(10, to, 1_000)).toBe(change);
      expect([path.address, path.isProven, path.deadline]).toEqual([to, true, undefined]);
      expect(path.onResponse(asked.data)).toBe('none');
      // What was sent before the peer has followed.
      path.onDatagram(1_009, home, 100, true, ptoMs);
      expect([path.takeProbe(probeBytes), path.deadline]).toEqual([undefined, undefined]);
      path.onDatagram(1_010, home, 100, true, ptoMs);
      expect(path.takeProbe(probeBytes)?.to).toEqual(home);
    }
    expect(validator().moveTo(0, { ...home }, 1_000)).toBe('none');
  });

  it('answers anybody, but an address with a bound only within it', () => {
    const path = validator(false, 50);
    expect([path.mayAnswer(home, 50), path.mayAnswer(home, 51), path.mayAnswer(away, 9_999)]).toEqual([
      true,
      false,
      true,
    ]);
    path.onDatagram(0, away, 20, true, ptoMs);
    expect([path.mayAnswer(away, 60), path.mayAnswer(away, 61), path.mayAnswer(elsewhere, 61)]).toEqual([
      true,
      false,
      true,
    ]);
    path.onSentTo(elsewhere, 60);
    expect(path.mayAnswer(away, 60)).toBe(true);
    path.onSentTo(away, 20);
    expect(path.mayAnswer(away, 41)).toBe(false);
  });
});
