/** Which ways may be taken: relay-only shows nobody an address, and what is set for one user is kept and used. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { UdpTap } from './udp-tap.js';
import { password, until, withCode, World, type Person } from './world.js';

/** A direct path would be found by then, or is forbidden. */
const settings = { settleMs: 150 };

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(async () => {
  await world.close();
});

function serverPorts(): number[] {
  const { udp, otherUdp } = world.server;
  return [udp.port, otherUdp.port];
}

/** What `peer` knows of where `person` may be reached. */
function knownBy(peer: Person, person: Person): string[] {
  const report = peer.client.pathTo(person.name).report;
  if (!report?.peer) throw new Error(`${person.name} has offered nothing to ${peer.name} yet`);
  return report.pairs.filter(({ kind }) => kind !== 'relay').map(({ address }) => address.address);
}

describe('relay-only', () => {
  it.each(['alice calls', 'bob calls'])(
    'sends to nobody but the server, and offers no address, when %s',
    async (who) => {
      const [alice, udp] = await UdpTap.around(() => world.member('alice', { path: 'relay-only' }, settings));
      const [bob, ofBob] = await UdpTap.around(() => world.member('bob', {}, settings));
      if (who === 'alice calls') await alice.client.open('bob');
      else await bob.client.open('alice');
      for (const person of [alice, bob]) await person.next('session', { state: 'opened', path: 'relayed' });
      // Long enough for a round of probes to everything that would be known.
      for (let n = 0; n < 20; n += 1) {
        await alice.say(`number ${String(n)}`, 'bob');
        await bob.say(`number ${String(n)}`, 'alice');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(udp.sent.length).toBeGreaterThan(20);
      expect(udp.targets.filter((port) => !serverPorts().includes(port))).toEqual([]);
      expect(knownBy(bob, alice)).toEqual([]);
      expect(bob.client.pathTo('alice').report).toMatchObject({ peerFamilies: [], refused: 0 });
      // Bob hides nothing, and yet has nobody to send to.
      expect(ofBob.targets.filter((port) => !serverPorts().includes(port))).toEqual([]);
      expect(alice.client.pathTo('bob').report?.pairs.map(({ kind }) => kind)).toEqual(['relay']);
    },
  );

  it('takes no direct path from a server without a relay: there is none then, and says so', async () => {
    await world.stopServer();
    await world.startServer({ relay: null });
    const waits = { ...settings, pathTimeoutMs: 500 };
    const [alice, udp] = await UdpTap.around(() => world.member('alice', { path: 'relay-only' }, waits));
    const bob = await world.member('bob', {}, waits);
    const opening = alice.client.open('bob');
    await expect(opening).rejects.toMatchObject(withCode('NO_PATH'));
    await expect(opening).rejects.toThrow(
      'set to relay-only, so that nobody learns your address, and there is no relay',
    );
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'NO_PATH' });
    expect(udp.targets.filter((port) => !serverPorts().includes(port))).toEqual([]);
  });

  it('is for one user where it is set so: kept on disk, used from the next conversation on, and taken back', async () => {
    const first = await world.member('alice', {}, settings);
    await world.member('bob', {}, settings);
    await world.member('carol', {}, settings);
    first.client.setPathPolicy('bob', 'relay-only');
    await first.client.close();

    const [alice, udp] = await UdpTap.around(() => world.person('alice', {}, settings));
    await alice.client.connect(world.address);
    await alice.client.login('alice', password);
    expect(alice.client.pathTo('bob')).toMatchObject({ policy: 'relay-only' });
    expect(await alice.client.open('bob')).toMatchObject({ path: 'relayed' });
    await alice.say('hello', 'bob');
    expect(udp.targets.filter((port) => !serverPorts().includes(port))).toEqual([]);

    alice.client.setPathPolicy('bob', null);
    expect(alice.client.pathTo('bob')).toMatchObject({ policy: 'auto' });
    expect(alice.client.status().conversation).toMatchObject({ path: 'relayed' });

    await alice.client.open('carol');
    await until(() => alice.client.status().conversation?.path === 'direct', 'the direct path to carol');
    await alice.client.open('bob');
    await until(() => alice.client.status().conversation?.path === 'direct', 'the direct path to bob');
  });

  it('of one member of a room hides the own address from that member alone', async () => {
    const [alice, udp] = await UdpTap.around(() => world.member('alice', {}, settings));
    const [bob, ofBob] = await UdpTap.around(() => world.member('bob', {}, settings));
    const [carol, ofCarol] = await UdpTap.around(() => world.member('carol', {}, settings));
    alice.client.setPathPolicy('bob', 'relay-only');
    for (const { client } of [alice, bob, carol]) await client.enter('lab');
    for (const person of [alice, bob]) await person.next('room', { state: 'joined', user: 'carol' });
    await alice.say('to both', 'bob', 'carol');
    await until(() => alice.client.pathTo('carol').report?.verdict.state === 'direct', 'the direct path to carol');
    await until(() => bob.client.pathTo('carol').report?.verdict.state === 'direct', 'the direct path of the others');
    expect(alice.client.pathTo('bob').report?.verdict).toEqual({ state: 'relayed', reason: { kind: 'own-policy' } });
    expect(knownBy(bob, alice)).toEqual([]);
    expect(alice.client.status().conversation).toMatchObject({ path: 'relayed' });
    const [bobs, carols] = [ofBob, ofCarol].map((tap) => new Set(tap.ports));
    expect(udp.targets.some((port) => carols?.has(port))).toBe(true);
    expect(udp.targets.some((port) => bobs?.has(port))).toBe(false);
  });
});
