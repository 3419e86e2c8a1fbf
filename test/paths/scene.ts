/** Two devices, a server that both are logged in on, and what is between them; everything follows from the seed. */
import type { PathPolicy } from '@parley/rendezvous';
import { Network, SeededRandom } from '@parley/simulator';
import { ControlConnection } from './control-connection.js';
import { Device, type Introduced } from './device.js';
import { Surroundings, type Internet, type Person, type Site } from './sites.js';
import { VirtualServer, type ChannelGrant } from './virtual-server.js';

export interface SceneOptions {
  readonly seed: number;
  readonly internet: Internet;
  readonly serverIp?: string | undefined;
  readonly hasRelay?: boolean | undefined;
  readonly policies?: Partial<Record<Person, PathPolicy>> | undefined;
  /** Of the transport; Infinity for none. */
  readonly keepAliveMs: number;
  sites(surroundings: Surroundings): Readonly<Record<Person, Site>>;
}

export const people = ['alice', 'bob'] as const;
/** A call is answered at once here; the server tells both in the same moment. */
const keptSteps = 60;
const longestLoginMs = 12_000;

export class Scene {
  readonly seed: number;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly surroundings: Surroundings;
  readonly server: VirtualServer;
  readonly devices: Readonly<Record<Person, Device>>;
  readonly sites: Record<Person, Site>;
  readonly #options: SceneOptions;
  readonly #controls: Readonly<Record<Person, ControlConnection>>;
  readonly #steps: string[] = [];
  readonly #startedAt: number;
  /** When both knew their introductions. */
  introducedAt = Infinity;

  constructor(options: SceneOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.random = new SeededRandom(options.seed);
    this.network = new Network({ seed: this.random.u32(), conditions: { latencyMs: 0.5, jitterMs: 0.3 } });
    this.#startedAt = this.network.now;
    this.surroundings = new Surroundings(this.network, this.random, options.internet, options.serverIp);
    this.server = new VirtualServer(this.network, new SeededRandom(this.random.u32()), this.surroundings.serverIp);
    this.sites = { ...options.sites(this.surroundings) };
    const control = (person: Person): ControlConnection =>
      new ControlConnection(this.network, () =>
        this.surroundings.latencyMs(this.sites[person].publicIp, this.surroundings.serverIp),
      );
    this.#controls = { alice: control('alice'), bob: control('bob') };
    this.devices = { alice: this.#device('alice'), bob: this.#device('bob') };
  }

  /** Virtual milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.network.now - this.#startedAt;
  }

  get steps(): readonly string[] {
    return this.#steps;
  }

  get both(): readonly [Device, Device] {
    return [this.devices.alice, this.devices.bob];
  }

  get isDirect(): boolean {
    return this.both.every(({ isDirect }) => isDirect);
  }

  get isRelayed(): boolean {
    return this.both.every(({ isRelayed }) => isRelayed);
  }

  log(step: string): void {
    if (this.#steps.length === keptSteps) this.#steps.shift();
    this.#steps.push(`${(this.elapsedMs / 1_000).toFixed(3)} s: ${step}`);
  }

  /** Both ask the server what it sees, some time before they talk. */
  logIn(): void {
    for (const device of this.both) {
      device.finder.ask(this.network.now);
      device.host.wake();
    }
    const isDone = this.network.runUntil(() => this.both.every(({ finder }) => finder.isDone), longestLoginMs);
    if (!isDone) this.network.run(this.random.between(0, 1_000));
    this.network.run(this.random.between(0, 3_000));
  }

  /** The server introduces the two; what it tells them takes its way. */
  introduce(): void {
    this.log('introduction');
    const grants = this.#options.hasRelay === false ? undefined : this.server.allow(people);
    const shared = { id: this.random.bytes(16), psk: this.random.bytes(32) };
    let known = 0;
    for (const [i, person] of people.entries()) {
      const device = this.devices[person];
      const introduced: Introduced = {
        ...shared,
        peerKey: this.#peerOf(person).publicKey,
        role: person === 'alice' ? 'initiator' : 'responder',
        grant: grants?.[i],
        sendOffer: (bytes) => this.#carryOffer(person, bytes),
      };
      this.#controls[person].toClient(() => {
        device.open(this.network.now, introduced);
        known += 1;
        if (known === people.length) this.introducedAt = this.network.now;
      }, device.host);
    }
  }

  /** A device is somewhere else: its sockets at once, its control connection after a while. @param noticedMs after which its watch sees it */
  move(person: Person, site: Site, noticedMs: number): void {
    const device = this.devices[person];
    this.sites[person] = site;
    device.moveTo(site.at, site.realm);
    this.#controls[person].break();
    this.network.schedule(
      noticedMs,
      () => {
        device.addressChanged(this.network.now);
      },
      device.host,
    );
    this.#reconnectAfter(person, noticedMs + this.#reconnectMs(person));
  }

  /** The router forgets every binding; nobody is told. TCP breaks with the next byte. */
  rebind(person: Person): void {
    this.log(`the router of ${person} forgets all`);
    this.sites[person].nat?.restart();
    this.#controls[person].break();
    this.#reconnectAfter(person, 200 + this.#reconnectMs(person));
  }

  stopServer(): void {
    this.log('the server is down');
    this.server.isUp = false;
    for (const person of people) this.#controls[person].break();
  }

  /** Another process: channels are granted anew when both are back. */
  startServer(): void {
    this.log('the server is up');
    this.server.restart();
    this.server.isUp = true;
    for (const person of people) this.#reconnectAfter(person, this.#reconnectMs(person));
  }

  /** Why it is as it is, for whoever reads of a failure. */
  describe(): string {
    const { now } = this.network;
    const said = this.both.map(({ name, link, talk, agent }) => {
      const status = link.status(now);
      const facts = {
        path: link.path,
        ...{ sent: talk.sent, received: talk.received, silentMs: now - talk.lastAt },
        ...{ unansweredMs: status.unansweredMs, lost: status.lostPackets, rttMs: status.rttMs },
        verdict: agent.report(now).verdict,
      };
      return `${name}: ${JSON.stringify(facts)}`;
    });
    return [...this.#steps, ...said].join('\n');
  }

  #device(person: Person): Device {
    const { at, realm } = this.sites[person];
    const device = new Device({
      name: person,
      network: this.network,
      random: new SeededRandom(this.random.u32()),
      server: this.server,
      control: this.#controls[person],
      ...{ at, realm },
      policy: this.#options.policies?.[person] ?? 'auto',
      keepAliveMs: this.#options.keepAliveMs,
      log: (step) => {
        this.log(step);
      },
    });
    this.server.add({
      name: person,
      control: this.#controls[person],
      host: device.host,
      handleFrame: (now, bytes) => {
        device.relay.handleControl(now, bytes);
      },
    });
    return device;
  }

  #peerOf(person: Person): Device {
    return this.devices[person === 'alice' ? 'bob' : 'alice'];
  }

  #carryOffer(from: Person, bytes: Uint8Array): boolean {
    const to = from === 'alice' ? 'bob' : 'alice';
    if (!this.#controls[from].isUp) return false;
    const device = this.devices[to];
    this.#controls[from].toServer(() => {
      this.#controls[to].toClient(() => {
        device.handleOffer(this.network.now, bytes);
      }, device.host);
    }, this.devices[from].host);
    return true;
  }

  /** TCP's handshake, TLS's and the login: three round trips. */
  #reconnectMs(person: Person): number {
    return 6 * this.surroundings.mostMs(this.sites[person].publicIp, this.surroundings.serverIp);
  }

  #reconnectAfter(person: Person, delayMs: number): void {
    const device = this.devices[person];
    this.network.schedule(
      delayMs,
      () => {
        if (!this.server.isUp || this.#controls[person].isUp) return;
        this.log(`${person} is logged in again`);
        this.#controls[person].connect();
        device.serverIsBack(this.network.now);
        this.#grantAnew();
      },
      device.host,
    );
  }

  /** A server that has lost the channel makes another one. */
  #grantAnew(): void {
    if (this.#options.hasRelay === false || !people.every((person) => this.#controls[person].isUp)) return;
    if (this.introducedAt === Infinity) return;
    // Whoever broke off before may not have heard of it.
    const grants = this.server.grants ?? this.server.allow(people);
    for (const [i, person] of people.entries()) {
      const device = this.devices[person];
      const grant: ChannelGrant | undefined = grants[i];
      if (!grant) continue;
      this.#controls[person].toClient(() => {
        device.useRelay(this.network.now, grant);
      }, device.host);
    }
  }
}
