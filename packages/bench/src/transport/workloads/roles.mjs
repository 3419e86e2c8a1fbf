// What the two sides do in each workload: a function of the connections and a spec, which begins at once and returns
// (perhaps later) `snapshot()`, the counters so far.
import { performance } from 'node:perf_hooks';
import { ageMs, MessageCounter, NumberedMessages } from './numbered-messages.mjs';
import { Samples } from './samples.mjs';

export const roles = {
  /** One message at a time, there and back. */
  'round-trip': {
    listener: ([connection]) => {
      connection.onMessage = (message) => connection.send(message);
      return { snapshot: () => ({}) };
    },
    dialer: ([connection], { messageBytes }) => {
      const messages = new NumberedMessages(messageBytes);
      const counter = new MessageCounter(connection.isReliable);
      const micros = new Samples();
      let sentAt;
      const ask = () => {
        sentAt = performance.now();
        connection.send(messages.next(false));
      };
      connection.onMessage = (message) => {
        micros.add((performance.now() - sentAt) * 1_000);
        counter.take(message);
        ask();
      };
      ask();
      return { snapshot: () => micros.take() };
    },
  },

  /** The same at a fixed interval, whether or not an answer has come: for a link that loses some. */
  ping: {
    listener: ([connection]) => {
      connection.onMessage = (message) => connection.send(message);
      return { snapshot: () => ({}) };
    },
    dialer: ([connection], { messageBytes, everyMs }) => {
      const messages = new NumberedMessages(messageBytes);
      const ages = new Samples();
      connection.onMessage = (message) => ages.add(ageMs(message));
      setInterval(() => connection.send(messages.next(true)), everyMs);
      return { snapshot: () => ({ sent: messages.sent, ...ages.take() }) };
    },
  },

  /** As many messages as the transport takes, one call each. */
  messages: {
    listener: ([connection]) => {
      const counter = new MessageCounter(connection.isReliable);
      connection.onMessage = (message) => counter.take(message);
      return { snapshot: () => ({ received: counter.received }) };
    },
    dialer: ([connection], { messageBytes }) => {
      const messages = new NumberedMessages(messageBytes);
      keepSending(
        () => connection.send(messages.next(false)),
        (go) => (connection.onDrain = go),
      );
      return { snapshot: () => ({ sent: messages.sent }) };
    },
  },

  /** As many bytes as the transport takes. */
  bulk: {
    listener: ([connection]) => countBytes(connection),
    dialer: ([connection]) => writeFile(connection),
  },

  /** Datagrams at a fixed rate, heeding nothing. */
  blast: {
    listener: ([connection]) => countBytes(connection),
    dialer: ([connection], { bitsPerSecond }) => {
      const chunk = Buffer.alloc(connection.chunkBytes);
      const startedAt = performance.now();
      let sent = 0;
      setInterval(() => {
        const due = ((performance.now() - startedAt) * bitsPerSecond) / 8_000;
        for (; sent < due; sent += chunk.length) connection.write(chunk);
      }, 1);
      return { snapshot: () => ({ sent }) };
    },
  },

  /** A message at a fixed interval, and its age on arrival. */
  delay: {
    listener: ([connection]) => observeAges(connection),
    dialer: ([connection], spec) => sendEvery(connection, spec),
  },

  /** The same while a file uses the link up: on the last of the connections, which may be the same one. */
  'chat-beside-file': {
    listener: (connections) => {
      const chat = observeAges(connections[0]);
      const file = countBytes(connections.at(-1));
      return { snapshot: () => ({ ...chat.snapshot(), ...file.snapshot() }) };
    },
    dialer: (connections, spec) => {
      writeFile(connections.at(-1));
      return sendEvery(connections[0], spec);
    },
  },

  /** Both sides of every handshake in the dialer's process. */
  handshakes: {
    listener: () => ({ snapshot: () => ({}) }),
    dialer: async (_, { kind }) => {
      const { handshakeLoop } = await import('./handshake-loop.mjs');
      const counters = handshakeLoop(kind);
      return { snapshot: () => ({ ...counters }) };
    },
  },
};

function countBytes(connection) {
  let received = 0;
  connection.onData = (byteCount) => {
    received += byteCount;
  };
  return { snapshot: () => ({ received }) };
}

function writeFile(connection) {
  const chunk = Buffer.alloc(connection.chunkBytes, 'contents of a file ');
  keepSending(
    () => connection.write(chunk),
    (go) => (connection.onWritable = go),
  );
  return { snapshot: () => ({}) };
}

function observeAges(connection) {
  const counter = new MessageCounter(connection.isReliable);
  const ages = new Samples();
  connection.onMessage = (message) => {
    counter.take(message);
    ages.add(ageMs(message));
  };
  return { snapshot: () => ages.take() };
}

function sendEvery(connection, { messageBytes, everyMs }) {
  const messages = new NumberedMessages(messageBytes);
  setInterval(() => connection.send(messages.next(true)), everyMs);
  return { snapshot: () => ({ sent: messages.sent }) };
}

/** Sends until the transport says wait, and again whenever it says go on. */
function keepSending(send, whenReady) {
  const go = () => {
    while (send());
  };
  whenReady(go);
  go();
}
