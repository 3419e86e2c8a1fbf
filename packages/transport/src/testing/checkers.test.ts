/** The checks can fail: each is shown what it is there to find. */
import { describe, expect, it } from '@jest/globals';
import type { Address } from '../address.js';
import type { Transmit } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import { AmplificationCheck } from './amplification-check.js';
import { allChecks, CheckedEndpoint, CheckFailure, NonceLedger, type CheckableEndpoint } from './checkers.js';
import { Conversation } from './conversation.js';

const there: Address = { address: '192.0.2.1', port: 1 };
const elsewhere: Address = { address: '192.0.2.1', port: 2 };

describe('NonceLedger', () => {
  const header = Uint8Array.of(1, 2);
  const key = new Uint8Array(32).fill(1);
  const nonceOf = (counter: number): Uint8Array => {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(4, counter, true);
    return nonce;
  };
  const seal = (ledger: NonceLedger, counter: number, under = key): unknown =>
    ledger.watch(nodeCrypto).aead(under).seal(nonceOf(counter), new Uint8Array(0), Uint8Array.of(1));
  const sealPacket = (ledger: NonceLedger, counter: number): void => {
    ledger.watch(nodeCrypto).aead(key).sealPacket(counter, new Uint8Array(40), 16);
  };

  it('finds a nonce that is used twice, by whatever call and whoever made the key', () => {
    const ledger = new NonceLedger();
    seal(ledger, 5);
    sealPacket(ledger, 6);
    expect(() => seal(ledger, 5)).toThrow(CheckFailure);
    expect(() => seal(ledger, 6)).toThrow(CheckFailure);
    expect(() => {
      sealPacket(ledger, 5);
    }).toThrow(CheckFailure);
  });

  it('allows the same nonce under another key, and another under the same', () => {
    const ledger = new NonceLedger();
    seal(ledger, 5);
    seal(ledger, 5, new Uint8Array(32).fill(2));
    seal(ledger, 2 ** 31);
    sealPacket(ledger, 2 ** 32 + 5);
  });

  it('opens as the provider does', () => {
    const provider = new NonceLedger().watch(nodeCrypto);
    const sealed = provider.aead(key).seal(nonceOf(1), header, Uint8Array.of(7));
    expect(provider.aead(key).open(nonceOf(1), header, sealed)).toEqual(Uint8Array.of(7));
  });
});

describe('AmplificationCheck', () => {
  it('allows three times what came, until the address has answered something that reached it', () => {
    const check = new AmplificationCheck();
    check.onReceived(there, 100, 1);
    expect(check.onSending(there, 300)).toBeUndefined();
    expect(check.onSending(there, 1)).toContain('301 bytes sent for 100');
    check.onReached(there, 10);
    // It was on its way when ours arrived: it proves nothing.
    check.onReceived(there, 1, 9);
    expect(check.onSending(there, 100)).toBeDefined();
    check.onReceived(there, 1, 10);
    expect(check.onSending(there, 1_000_000)).toBeUndefined();
  });

  it('asks each address for its own proof', () => {
    const check = new AmplificationCheck();
    check.onReached(there, 0);
    check.onReceived(there, 1, 0);
    expect(check.onSending(there, 1_000)).toBeUndefined();
    check.onReceived(elsewhere, 10, 5);
    expect(check.onSending(elsewhere, 31)).toBeDefined();
    expect(check.onSending({ ...there }, 1_000)).toBeUndefined();
  });

  it('lets a handshake go where a server has said', () => {
    const check = new AmplificationCheck();
    expect(new AmplificationCheck().onSending(there, 1)).toBeDefined();
    check.grant(there, 200);
    expect(check.onSending(there, 200)).toBeUndefined();
    expect(check.onSending(there, 1)).toBeDefined();
  });
});

describe('CheckedEndpoint', () => {
  const setUp = (usage = { bytesInFlight: 0, windowBytes: 2_000, receiveBytes: 0 }) => {
    const link = { state: 'established' as const, usage, bufferedBytes: 0 };
    const queue: (Transmit & { inFlight: number })[] = [];
    let deadline: number | undefined = 100;
    const endpoint: CheckableEndpoint = {
      handleDatagram: () => undefined,
      handleTimeout: () => undefined,
      nextTimeout: () => deadline,
      pollTransmit: () => {
        const next = queue.shift();
        if (next) link.usage = { ...link.usage, bytesInFlight: next.inFlight };
        return next;
      },
    };
    const amplification = new AmplificationCheck();
    amplification.onReached(there, 0);
    amplification.onReceived(there, 1, 0);
    const checked = new CheckedEndpoint(endpoint, amplification, allChecks);
    checked.watch(link);
    const send = (inFlight: number, now = 1): void => {
      queue.push({ to: there, bytes: new Uint8Array(10), inFlight });
      while (checked.pollTransmit(now)) continue;
    };
    const setDeadline = (at: number | undefined): void => {
      deadline = at;
    };
    return { checked, link, send, setDeadline };
  };

  it('allows what the window holds, and two probes after a timeout', () => {
    const { checked, send } = setUp();
    send(2_000);
    expect(() => {
      send(2_001);
    }).toThrow('in-flight: 2001 in flight with a window of 2000');
    checked.handleTimeout(1);
    send(2_100);
    send(2_200);
    expect(() => {
      send(2_300);
    }).toThrow(CheckFailure);
  });

  it('does not mind a window that shrank', () => {
    const { link, send } = setUp();
    send(2_000);
    link.usage = { ...link.usage, windowBytes: 500 };
    send(1_900);
  });

  it('finds buffers out of their bounds', () => {
    const { link, checked } = setUp({ bytesInFlight: 0, windowBytes: 2_000, receiveBytes: 1e9 });
    expect(() => checked.pollTransmit(1)).toThrow('buffers');
    link.usage = { ...link.usage, receiveBytes: 0 };
    checked.pollTransmit(1);
    link.bufferedBytes = 1e9;
    expect(() => checked.pollTransmit(1)).toThrow('buffers');
  });

  it('finds a deadline that was not served, and a wait without one', () => {
    const { checked, send, setDeadline } = setUp();
    setDeadline(50);
    // It is due, and will be served.
    checked.handleDatagram(60, there, new Uint8Array(1));
    checked.pollTransmit(60);
    checked.handleTimeout(60);
    expect(() => checked.pollTransmit(60)).toThrow('timers');
    setDeadline(undefined);
    checked.pollTransmit(60);
    expect(() => {
      send(100, 60);
    }).toThrow('timers');
  });

  it('finds what goes to an address without proof', () => {
    const { checked, send } = setUp();
    checked.amplification.onReceived(elsewhere, 1, 0);
    send(10);
    expect(checked.amplification.onSending(elsewhere, 10)).toBeDefined();
  });
});

describe('Conversation', () => {
  const setUp = () => {
    const said: Uint8Array[] = [];
    const conversation = new Conversation(3, 0);
    conversation.halves.a.link = { send: (bytes: Uint8Array) => said.push(bytes), bufferedBytes: 0 } as never;
    for (const length of [10, 500, 8]) conversation.send('a', length);
    return { conversation, said };
  };

  it('is content with all that was said, in order', () => {
    const { conversation, said } = setUp();
    for (const message of said) {
      expect(conversation.isQuiet).toBe(false);
      conversation.receive('b', message);
    }
    expect(said.map(({ length }) => length)).toEqual([10, 500, 8]);
    expect(conversation.isQuiet).toBe(true);
  });

  it('finds what is missing, comes twice, is altered, cut or for somebody else', () => {
    const { conversation, said } = setUp();
    const [first, second] = [said[0]!, said[1]!];
    const wrong = (message: Uint8Array): void => {
      expect(() => {
        conversation.receive('b', message);
      }).toThrow('something else');
    };
    wrong(second);
    conversation.receive('b', first);
    wrong(first);
    for (const at of [0, 4, 8, 250, 499]) {
      const altered = second.slice();
      altered[at]! ^= 1;
      wrong(altered);
    }
    wrong(second.subarray(0, 499));
    expect(() => {
      conversation.receive('a', first);
    }).toThrow('more than');
  });
});
