import { describe, expect, it } from '@jest/globals';
import { Nat, Network, SeededRandom, usualNat, type NatOptions, type Protocol } from '@parley/simulator';
import { answerBindingRequest } from './binding.js';
import { NatDiscovery, type NatFindings } from './nat-discovery.js';
import type { Address } from './stun-message.js';

/** One of the two ports of a server, which answers for the other. */
class StunPort implements Protocol {
  other: StunPort | undefined;
  onPushed: () => void = () => undefined;
  readonly #queue: { to: Address; bytes: Uint8Array }[] = [];

  handleDatagram(_now: number, from: Address, bytes: Uint8Array): void {
    const answer = answerBindingRequest(bytes, from, this.other !== undefined);
    if (!answer) return;
    const port = answer.fromOtherPort ? this.other : this;
    port?.push(from, answer.bytes);
  }

  push(to: Address, bytes: Uint8Array): void {
    this.#queue.push({ to, bytes });
    this.onPushed();
  }

  handleTimeout(): void {
    // It has no timers.
  }

  pollTransmit(): { to: Address; bytes: Uint8Array } | undefined {
    return this.#queue.shift();
  }

  nextTimeout(): undefined {
    return undefined;
  }
}

const server = { address: '203.0.113.1', port: 3478 };
const own = { address: '192.168.1.2', port: 5_000 };

class Scene {
  readonly network = new Network({ seed: 1 });
  readonly ports = [new StunPort(), new StunPort()];

  constructor(hasOtherPort = true) {
    const [first, second] = this.ports as [StunPort, StunPort];
    if (hasOtherPort) [first.other, second.other] = [second, first];
    const hosts = [first, second].map((port, i) => this.network.attach(port, { ...server, port: server.port + i }));
    // What one port has for the other leaves by that.
    const wake = (): void => {
      for (const host of hosts) host.wake();
    };
    for (const port of this.ports) port.onPushed = wake;
  }

  discover(nat?: Partial<NatOptions> | Nat, before?: NatFindings): NatFindings {
    const random = new SeededRandom(2);
    const discovery = new NatDiscovery(this.network.now, {
      server,
      otherPort: 3479,
      ownAddresses: [own.address],
      random: (length) => random.bytes(length),
      before,
    });
    const protocol: Protocol = {
      handleDatagram: (now, from, bytes) => {
        discovery.handleDatagram(now, from, bytes);
      },
      handleTimeout: (now) => {
        discovery.handleTimeout(now);
      },
      pollTransmit: () => discovery.pollTransmit(),
      nextTimeout: () => discovery.nextTimeout(),
    };
    const made =
      nat && (nat instanceof Nat ? nat : this.network.addNat({ ...usualNat, address: '198.51.100.1', ...nat }));
    const host = this.network.attach(protocol, own, undefined, made?.inside);
    expect(this.network.runUntil(() => discovery.isDone, 60_000)).toBe(true);
    this.network.detach(host);
    return discovery.findings;
  }
}

describe('NatDiscovery', () => {
  const behaviours = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const;
  const grid = behaviours.flatMap((mapping) => behaviours.map((filtering) => ({ mapping, filtering })));

  it.each(grid)('sees mapping $mapping and filtering $filtering as far as one address tells', (nat) => {
    const findings = new Scene().discover(nat);
    expect(findings.reflexive?.address).toBe('198.51.100.1');
    expect(findings.isUdpBlocked).toBe(false);
    const isByPort = nat.mapping === 'address-and-port-dependent';
    expect(findings.mapping).toBe(isByPort ? 'endpoint-dependent' : 'endpoint-independent');
    expect(findings.filtering).toBe(
      nat.filtering === 'address-and-port-dependent' ? 'address-and-port-dependent' : 'not-by-port',
    );
  });

  it('sees that there is none', () => {
    expect(new Scene().discover()).toEqual({
      reflexive: own,
      mapping: 'none',
      filtering: 'not-by-port',
      isUdpBlocked: false,
    });
  });

  it('says nothing of filtering where the server has no second port to answer from', () => {
    const findings = new Scene(false).discover({});
    expect(findings.filtering).toBeUndefined();
    expect(findings.mapping).toBe('endpoint-independent');
  });

  it('sees that nothing comes back', () => {
    const scene = new Scene();
    scene.network.change({ blocked: true });
    expect(scene.discover({})).toEqual({
      reflexive: undefined,
      mapping: undefined,
      filtering: undefined,
      isUdpBlocked: true,
    });
  });

  it('says so after some seconds, and takes it back when an answer comes', () => {
    const random = new SeededRandom(3);
    const options = {
      server,
      otherPort: undefined,
      ownAddresses: [],
      random: (length: number) => random.bytes(length),
    };
    const discovery = new NatDiscovery(0, options);
    const at = (now: number): boolean => {
      discovery.handleTimeout(now);
      return discovery.findings.isUdpBlocked;
    };
    expect([at(500), at(1_500), at(3_499)]).toEqual([false, false, false]);
    expect(at(3_500)).toBe(true);
    const question = discovery.pollTransmit();
    const answer = question && answerBindingRequest(question.bytes, own, false);
    expect(answer && discovery.handleDatagram(3_550, server, answer.bytes)).toBe(true);
    expect(discovery.findings).toMatchObject({ reflexive: own, isUdpBlocked: false });
  });

  it('keeps the filtering it found before while the address is the same: its own question to the second port opened the way', () => {
    const scene = new Scene();
    const nat = scene.network.addNat({ ...usualNat, address: '198.51.100.1' });
    const first = scene.discover(nat);
    expect(first.filtering).toBe('address-and-port-dependent');
    expect(scene.discover(nat).filtering).toBe('not-by-port');
    expect(scene.discover(nat, first)).toEqual(first);
    expect(scene.discover(nat, { ...first, reflexive: { address: '198.51.100.1', port: 1 } }).filtering).toBe(
      'not-by-port',
    );
  });

  it('does not take a NAT that forgets its binding meanwhile for one that gives each destination another port', () => {
    const scene = new Scene();
    const nat = scene.network.addNat({ ...usualNat, address: '198.51.100.1', preservesPorts: false });
    let before: Address | undefined;
    scene.network.schedule(200, () => {
      before = nat.translateOut(scene.network.now, own, server);
      nat.restart();
    });
    const findings = scene.discover(nat);
    expect(findings.mapping).toBe('endpoint-independent');
    // What is told of it is what it is now.
    expect(findings.reflexive).not.toEqual(before);
    expect(findings.reflexive).toEqual(nat.translateOut(scene.network.now, own, server));
  });

  it('takes no answer from elsewhere', () => {
    const random = new SeededRandom(2);
    const discovery = new NatDiscovery(0, {
      server,
      otherPort: 3479,
      ownAddresses: [],
      random: (length) => random.bytes(length),
    });
    const question = discovery.pollTransmit();
    const answer = answerBindingRequest(question?.bytes ?? new Uint8Array(0), own)?.bytes ?? new Uint8Array(0);
    expect(discovery.handleDatagram(1, { ...server, port: 3479 }, answer)).toBe(false);
    expect(discovery.handleDatagram(1, { ...server, address: '203.0.113.9' }, answer)).toBe(false);
    expect(discovery.handleDatagram(1, server, answer)).toBe(true);
    expect(discovery.findings.reflexive).toEqual(own);
  });
});
