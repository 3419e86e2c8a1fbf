/** The one place that builds real parts and joins them. */
import { hostname } from 'node:os';
import { limits } from '@parley/protocol';
import { openStore, StoreError } from '@parley/store';
import { AdminConsole, type AdminResult } from './admin/admin-console.js';
import { BackgroundWork } from './background-work.js';
import { endsWithin } from './bounded-wait.js';
import { loadCertificate } from './certificate.js';
import { NetworkRates } from './dispatch/network-rates.js';
import { RequestDispatcher } from './dispatch/request-dispatcher.js';
import { Messenger } from './domain/index.js';
import type { GatewayParts } from './gateways/gateway-parts.js';
import { LineGateway } from './gateways/line-gateway.js';
import { PairGateway } from './gateways/pair-gateway.js';
import { PeerGateway } from './gateways/peer-gateway.js';
import { handlers } from './handlers/index.js';
import { LanAnnouncement } from './lan-announcement.js';
import { bindPair } from './listeners/bind.js';
import { ControlListener } from './listeners/control-listener.js';
import type { HostAndPort } from './listeners/host-and-port.js';
import { RelayDriver } from './listeners/relay-driver.js';
import { SendQueues } from './listeners/send-queues.js';
import { UdpListener } from './listeners/udp-listener.js';
import { defaultOptions, type ServerOptions, type StartOptions } from './options.js';
import { BcryptHasher } from './passwords/bcrypt-hasher.js';
import { loadPepper } from './passwords/pepper.js';
import { StartFailure } from './start-failure.js';
import { monotonicMs, systemClock, systemRandom } from './system-ports.js';
import { version } from './version.js';

/** How often resume tokens that nobody used are forgotten. */
const tokenSweepMs = 24 * 3_600_000;

/** What is under way when the server stops gets this long; a call that waits is ended before. */
const drainMs = 5_000;

export interface RunningServer {
  /** Where clients connect. */
  readonly control: HostAndPort;
  /** Where STUN Binding is answered and relay frames are taken; the same port. */
  readonly udp: HostAndPort;
  /** The second port that answers STUN Binding. */
  readonly otherUdp: HostAndPort;
  /** Whether it relays. */
  readonly relays: boolean;
  /** SHA-256 of the certificate as clients show it, or null without TLS. */
  readonly fingerprint: string | null;
  /** The gateways for older systems; null: off. */
  readonly line: HostAndPort | null;
  readonly peer: HostAndPort | null;
  readonly pair: HostAndPort | null;
  /** Ends all connections of the pair chat, which goes on. */
  closePairs(): void;
  /** Logs how many connections the pair chat has. */
  countPairs(): void;
  /** Runs one line of the admin prompt; undefined for an empty one. `x` settles when the server has stopped. */
  execute(line: string): Promise<AdminResult | undefined>;
  /** Tells every client, answers what is under way and lets go of everything. May be called twice. */
  stop(): Promise<void>;
  /** Settles when it has stopped, whoever stopped it. */
  readonly stopped: Promise<void>;
}

interface Gateway {
  listen(host: string): Promise<HostAndPort>;
  stop(): Promise<void>;
}

type Closer = () => Promise<void> | void;

/** @throws StartFailure for what an operator can mend; nothing is left open then. */
export async function startServer(start: StartOptions): Promise<RunningServer> {
  const options = { ...defaultOptions, ...start };
  const closers: Closer[] = [];
  try {
    return await build(options, closers);
  } catch (error) {
    await closeAll(closers);
    throw asStartFailure(error);
  }
}

async function build(options: ServerOptions, closers: Closer[]): Promise<RunningServer> {
  const { log, dataDirectory, pingIntervalMs } = options;
  const store = await openStore(dataDirectory);
  closers.push(() => store.close());
  const background = new BackgroundWork(log);
  closers.push(() => background.idle());
  const hasAccounts = (await store.accounts.namesAfter(undefined, 1)).length > 0;
  const pepper = loadPepper(dataDirectory, { isNew: store.isNew, hasAccounts });
  const passwords = new BcryptHasher(pepper, options.bcryptCost);
  closers.push(() => passwords.close());
  const certificate = options.tls ? await loadCertificate(dataDirectory) : null;

  const { accounts, rooms, resumeTokens } = store;
  const relay = options.relay
    ? new RelayDriver({ limits: options.relay, lineFrames: limits.relayFrames, clock: systemClock, monotonicMs, log })
    : null;
  closers.push(() => relay?.stop());
  const ports = {
    ...{ clock: systemClock, random: systemRandom, background, passwords, relay },
    ...{ accounts, rooms, resumeTokens },
  };
  const messenger = new Messenger(ports, options);
  await messenger.accounts.dropOldTokens();
  const sweep = setInterval(() => {
    background.run('dropping old resume tokens', () => messenger.accounts.dropOldTokens());
  }, tokenSweepMs).unref();
  closers.push(() => {
    clearInterval(sweep);
  });

  const sendQueues = new SendQueues(options.sendQueuesBytes);
  let [stunPort, otherStunPort] = [0, 0];
  const makeListener = (): ControlListener =>
    new ControlListener(certificate, {
      clock: systemClock,
      monotonicMs,
      log,
      settings: options,
      sendQueues,
      dispatcherFor: (connection) => {
        const agent = `parley-msa/${version}`;
        const server = { agent, stunPort, otherStunPort, relays: relay !== null, pingIntervalMs };
        const parts = { handlers, messenger, server, relay, monotonicMs, log, settings: options };
        return new RequestDispatcher(parts, connection);
      },
      opened: (connection) => {
        messenger.connected(connection);
      },
      closed: (connection) => {
        messenger.disconnected(connection);
      },
    });
  const { listener, udp, otherUdp, address } = await bindPair(makeListener, options.host, options.port);
  listener.started();
  [stunPort, otherStunPort] = [address.port, otherUdp.address().port];
  const udpListener = new UdpListener(udp, otherUdp, {
    stunRates: new NetworkRates(options.stunRate, monotonicMs),
    relay: relay
      ? (from, bytes) => {
          relay.receiveByUdp(from, bytes);
        }
      : undefined,
    log,
  });
  relay?.start({
    send: (bytes, to) => {
      udpListener.send(bytes, to);
    },
    isFull: () => udpListener.isFull,
    deliver: (user, frames) => {
      messenger.deliverRelayed(user, frames);
    },
  });
  const gateways: Gateway[] = [];
  closers.push(
    () => udpListener.close(),
    async () => {
      listener.stopAccepting();
      messenger.stop();
      const gatewaysStopped = gateways.map((gateway) => gateway.stop());
      await Promise.all([passwords.close(), endsWithin(drainMs, listener.drain()), ...gatewaysStopped]);
      listener.cut();
    },
  );

  let tellStopped: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    tellStopped = resolve;
  });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= closeAll(closers).then(() => {
      log.info('stopped');
      tellStopped();
    });
    return stopping;
  };
  const gatewayParts: GatewayParts = {
    messenger,
    clock: systemClock,
    monotonicMs,
    introductions: new NetworkRates(options.rates.introduce, monotonicMs),
    log,
    stopServer: () => {
      void stop();
    },
  };
  const open = async (gateway: Gateway): Promise<HostAndPort> => {
    gateways.push(gateway);
    return gateway.listen(options.gatewayHost);
  };
  const line = options.line ? await open(new LineGateway(gatewayParts, options.line)) : null;
  const peer = options.peer ? await open(new PeerGateway(gatewayParts, options.peer)) : null;
  const pairGateway = options.pair ? new PairGateway(gatewayParts, options.pair) : null;
  const pair = pairGateway ? await open(pairGateway) : null;

  if (options.announce) {
    const fingerprint = certificate?.fingerprint ?? null;
    const announcement = new LanAnnouncement({ machine: hostname(), listens: address, fingerprint, version, log });
    announcement.start();
    closers.push(() => announcement.stop());
  }

  const at = { host: address.address, port: address.port };
  const adminConsole = new AdminConsole({ messenger, stop, log, pairs: () => pairGateway?.clients() ?? null });
  log.info(
    { ...at, otherUdp: otherStunPort, relays: relay !== null, line: line?.port, peer: peer?.port, pair: pair?.port },
    'started',
  );
  return {
    control: at,
    udp: at,
    otherUdp: { ...at, port: otherStunPort },
    relays: relay !== null,
    fingerprint: certificate?.fingerprint ?? null,
    ...{ line, peer, pair },
    closePairs: () => {
      if (pairGateway) pairGateway.closeAll();
      else log.warn('SIGUSR1 has nothing to close: the pair chat is off');
    },
    countPairs: () => {
      if (pairGateway) pairGateway.sayCount();
      else log.warn('SIGUSR2 has nothing to count: the pair chat is off');
    },
    execute: (text) => adminConsole.execute(text),
    stop,
    stopped,
  };
}

/** Last opened, first closed. */
async function closeAll(closers: Closer[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

/** Gives the errors of the store and of files the form for an operator; others are defects and stay as they are. */
function asStartFailure(error: unknown): unknown {
  if (error instanceof StoreError) return new StartFailure(error.code, error.message, { cause: error });
  const { path, code } = error as NodeJS.ErrnoException;
  if (typeof path !== 'string' || code === undefined) return error;
  return new StartFailure('DATA_UNUSABLE', `cannot use ${path} (${code})`, { cause: error });
}
