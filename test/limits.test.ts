import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { killAll, mains, Program } from './programs.js';
import { withCode, World } from './world.js';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  await killAll();
  await world.close();
});

describe('a server that is full', () => {
  it('says so, and takes the next one when somebody has gone', async () => {
    await world.startServer({ maxClients: 2 });
    const alice = await world.member('alice');
    await world.member('bob');
    const carol = await world.person('carol');
    await expect(carol.client.connect(world.address)).rejects.toMatchObject(withCode('SERVER_FULL'));
    const mca = new Program(mains.mca, ['--json', '--home', `${world.folder}/dave`, '--script', '-']);
    mca.say(`c ${world.address}`);
    expect(await mca.ended).toBe(3);
    expect(mca.records.at(-1)).toMatchObject({ command: 'c', ok: false, error: { code: 'SERVER_FULL' } });
    await alice.client.disconnect();
    for (;;) {
      try {
        await carol.client.connect(world.address);
        return;
      } catch (error) {
        // The server may not have seen yet that alice has gone.
        expect(error).toMatchObject(withCode('SERVER_FULL'));
      }
    }
  });
});

describe('a script that writes faster than the network carries', () => {
  it('is slowed down, and nothing is lost', async () => {
    await world.startServer();
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    const text = 'x'.repeat(16_000);
    const sent = Array.from({ length: 500 }, (_, n) => alice.client.send(`${String(n)} ${text}`));
    await Promise.all(sent);
    await alice.client.leave();
    const numbers = bob.unseen.flatMap((event) =>
      event.event === 'message' ? [Number(event.text.split(' ')[0])] : [],
    );
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(alice.saw('receipt', { state: 'failed' })).toBe(false);
  });
});
