import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressRequest, decodeNatPmp, mapRequest, NatPmp } from './nat-pmp.js';
import { FakeNatPmpRouter } from './router.fixture.js';

const never = new AbortController().signal;

describe('the codec of NAT-PMP', () => {
  it('writes what RFC 6886, sections 3.2 and 3.3, show', () => {
    expect(Buffer.from(addressRequest).toString('hex')).toBe('0000');
    expect(Buffer.from(mapRequest(7_421, 7_422, 3_600)).toString('hex')).toBe('000100001cfd1cfe00000e10');
  });

  it('reads answers', () => {
    expect(decodeNatPmp(Buffer.from('0080000000000001cb007107', 'hex'))).toEqual({
      kind: 'address',
      address: '203.0.113.7',
    });
    expect(decodeNatPmp(Buffer.from('00810000000000011cfd1cfe00000e10', 'hex'))).toEqual({
      kind: 'mapped',
      internalPort: 7_421,
      externalPort: 7_422,
      lifetimeSeconds: 3_600,
    });
    expect(decodeNatPmp(Buffer.from('0081000200000001', 'hex'))).toMatchObject({ kind: 'refused', opcode: 1 });
    // A router that speaks PCP alone.
    expect(decodeNatPmp(Buffer.from('0280000100000000', 'hex'))).toMatchObject({ kind: 'refused', opcode: 0 });
  });

  it('never throws, and knows no answer in what is cut short', () => {
    for (const hex of ['0080000000000001cb007107', '00810000000000011cfd1cfe00000e10']) {
      const answer = Buffer.from(hex, 'hex');
      for (let length = 0; length < answer.length; length += 1) {
        expect(decodeNatPmp(answer.subarray(0, length))).toBeUndefined();
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        decodeNatPmp(bytes);
      }),
    );
  });
});

describe('NatPmp', () => {
  let router: FakeNatPmpRouter;
  let mapper: NatPmp;

  beforeEach(async () => {
    router = new FakeNatPmpRouter();
    const port = await router.listen();
    mapper = new NatPmp({ gateway: () => '127.0.0.1', port, waitsMs: [200, 200, 2_000] });
  });
  afterEach(() => router.close());

  it('maps a port, though datagrams are lost, and takes it back', async () => {
    router.losses = 1;
    expect(await mapper.map(7_421, 7_421, never)).toEqual({
      kind: 'mapped',
      external: { address: '203.0.113.7', port: 7_421 },
      lifetimeSeconds: 3_600,
    });
    expect(router.mapped).toEqual(new Map([[7_421, 7_421]]));
    await mapper.unmap(7_421, never);
    expect(router.mapped.size).toBe(0);
  });

  it('takes the port that the router has to give', async () => {
    router.portTaken = true;
    expect(await mapper.map(7_421, 7_500, never)).toMatchObject({ external: { port: 7_501 } });
  });

  it.each([
    [1, 'it speaks another version (PCP alone)'],
    [2, 'it does not allow it'],
    [9, 'result 9'],
  ])('says why it was refused: %i', async (result, reason) => {
    router.result = result;
    expect(await mapper.map(7_421, 7_421, never)).toEqual({ kind: 'refused', reason });
  });

  it.each(['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'])('does not believe %s', async (address) => {
    router.externalAddress = address;
    expect(await mapper.map(7_421, 7_421, never)).toMatchObject({ kind: 'refused' });
    expect(router.mapped.size).toBe(0);
  });

  it('lives on answers that are none, and takes the one that is', async () => {
    router.mend = (answer) => [Buffer.alloc(0), Buffer.of(0), Buffer.alloc(2_000, 1), answer.subarray(0, -1), answer];
    expect(await mapper.map(7_421, 7_421, never)).toMatchObject({ kind: 'mapped' });
  });

  it('does not take the mapping of another port for its own', async () => {
    router.mend = (answer) => {
      if (answer[1] === 129) answer.writeUInt16BE(9, 8);
      return [answer];
    };
    const impatient = AbortSignal.timeout(300);
    expect(await mapper.map(7_421, 7_421, impatient)).toEqual({ kind: 'silent' });
  });

  it('is silent where nobody answers, the port is closed, no router is known, or it is given up', async () => {
    router.losses = Infinity;
    const closed = new FakeNatPmpRouter();
    const closedPort = await closed.listen();
    await closed.close();
    const waitsMs = [1, 1];
    for (const silent of [
      new NatPmp({ gateway: () => '127.0.0.1', port: closedPort, waitsMs: [20_000] }),
      new NatPmp({ gateway: () => undefined, waitsMs }),
    ]) {
      expect(await silent.map(7_421, 7_421, never)).toEqual({ kind: 'silent' });
    }
    expect(await mapper.map(7_421, 7_421, AbortSignal.abort())).toEqual({ kind: 'silent' });
    expect(router.requests).toHaveLength(0);
    expect(await mapper.map(7_421, 7_421, AbortSignal.timeout(50))).toEqual({ kind: 'silent' });
    expect(router.requests.length).toBeGreaterThan(0);
    await mapper.unmap(7_421, AbortSignal.timeout(50));
  });
});
