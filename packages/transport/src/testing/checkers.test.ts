/** The checks can fail: each is shown what it is there to find. */
import { describe, expect, it } from '@jest/globals';
import type { Address } from '../address.js';
import type { Transmit } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import { AmplificationCheck } from './amplification-check.js';
import { allChecks, CheckedEndpoint, CheckFailure, NonceLedger, type CheckableEndpoint } from './checkers.js';
import { Conversation } from './conversation.js';
import { DatagramTalk } from './datagram-talk.js';
import { streamBytes } from './said-bytes.js';
import { StreamTalk, type StreamTalkEvent } from './stream-talk.js';

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

describe('DatagramTalk', () => {
  it('allows any order and any gap, but nothing twice, and nothing that was not sent', () => {
    const talk = new DatagramTalk(10);
    const [first, second, third] = [talk.next('a', 8), talk.next('a', 600), talk.next('a', 20)];
    talk.receive('b', third);
    talk.receive('b', first);
    expect([talk.sentBy('a'), talk.receivedBy('b'), talk.receivedBy('a')]).toEqual([3, 2, 0]);
    expect(() => {
      talk.receive('b', third);
    }).toThrow('twice');
    const altered = [0, 3, 4, 7, 8, 599].map((at) => second.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    for (const datagram of [...altered, second.subarray(1), second.subarray(0, 599), new Uint8Array(0)]) {
      expect(() => {
        talk.receive('b', datagram);
      }).toThrow('has not sent');
    }
    expect(() => {
      talk.receive('a', second);
    }).toThrow('has not sent');
    talk.receive('b', second);
  });
});

describe('StreamTalk', () => {
  const id = 10;
  /** Side a has opened a stream and written 100 bytes to it. */
  const setUp = () => {
    const accepts = (): boolean => true;
    const link = { open: () => id, write: accepts, end: accepts, reset: accepts, stopSending: accepts };
    const streams = Object.assign(link, { pause: accepts, resume: accepts }) as never;
    const talk = new StreamTalk(5);
    talk.open('a', streams, 'chat');
    talk.write('a', streams, id, 100);
    return { talk, streams };
  };
  const opened: StreamTalkEvent = { type: 'stream', id, priority: 'chat' };
  const end: StreamTalkEvent = { type: 'stream-end', id };
  const data = (offset: number, length: number): StreamTalkEvent => {
    return { type: 'stream-data', id, bytes: streamBytes(5 + 2 * id, offset, length) };
  };
  const hear = (talk: StreamTalk, ...events: StreamTalkEvent[]): void => {
    for (const event of events) talk.receive('b', event);
  };
  const wrong = (talk: StreamTalk, event: StreamTalkEvent, to: 'a' | 'b' = 'b'): void => {
    expect(() => {
      talk.receive(to, event);
    }).toThrow('hears');
  };

  it('is content with all that was written, in order, and with its end', () => {
    const { talk, streams } = setUp();
    expect([talk.isSettled, talk.openFor('a'), talk.openFor('b')]).toEqual([false, 1, 0]);
    hear(talk, opened, data(0, 60), data(60, 40));
    expect([talk.isSettled, talk.openFor('b')]).toEqual([true, 1]);
    talk.end('a', streams, id);
    expect(talk.isSettled).toBe(false);
    hear(talk, end);
    talk.end('b', streams, id);
    talk.receive('a', end);
    expect([talk.isSettled, talk.openFor('a'), talk.openFor('b')]).toEqual([true, 0, 0]);
    expect(talk.usableBy('a')).toEqual([]);
  });

  it('finds what comes before its time, twice, out of order, altered or too late', () => {
    const { talk, streams } = setUp();
    wrong(talk, data(0, 10));
    wrong(talk, { ...opened, priority: 'files' });
    wrong(talk, opened, 'a');
    hear(talk, opened);
    wrong(talk, opened);
    wrong(talk, data(1, 10));
    hear(talk, data(0, 10));
    wrong(talk, data(0, 10));
    wrong(talk, data(10, 91));
    wrong(talk, end);
    talk.end('a', streams, id);
    wrong(talk, end);
    hear(talk, data(10, 90), end);
    wrong(talk, end);
    wrong(talk, data(100, 1));
    wrong(talk, { ...end, id: 18 });
  });

  it('finds what comes although it is paused, and nothing that is due', () => {
    const { talk, streams } = setUp();
    hear(talk, opened);
    talk.setPaused('b', streams, id, true);
    wrong(talk, data(0, 10));
    talk.resumeAll('b', streams);
    expect(talk.isSettled).toBe(false);
    hear(talk, data(0, 100));
    expect(talk.isSettled).toBe(true);
  });

  it('wants the code of a reset, and of a stop, and none that nobody asked for', () => {
    const { talk, streams } = setUp();
    hear(talk, opened);
    wrong(talk, { type: 'stream-reset', id, code: 0 });
    wrong(talk, { type: 'stream-stopped', id, code: 0 });
    talk.reset('a', streams, id, 7);
    wrong(talk, { type: 'stream-reset', id, code: 8 });
    hear(talk, { type: 'stream-reset', id, code: 7 });
    wrong(talk, { type: 'stream-reset', id, code: 7 });
    talk.write('b', streams, id, 5);
    talk.stopSending('a', streams, id, 9);
    expect(talk.isSettled).toBe(false);
    wrong(talk, { type: 'stream-stopped', id, code: 8 });
    hear(talk, { type: 'stream-stopped', id, code: 9 });
    wrong(talk, { type: 'stream-stopped', id, code: 9 });
    expect([talk.isSettled, talk.openFor('a'), talk.openFor('b')]).toEqual([true, 0, 0]);
  });

  it('finds a writer who is never told to go on', () => {
    const { talk } = setUp();
    hear(talk, opened, data(0, 100));
    talk.write('a', { write: () => false } as never, id, 1);
    hear(talk, data(100, 1));
    expect(talk.isSettled).toBe(false);
    talk.receive('a', { type: 'stream-drain', id });
    expect(talk.isSettled).toBe(true);
  });
});
