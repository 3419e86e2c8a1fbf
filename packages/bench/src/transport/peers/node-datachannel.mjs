// WebRTC data channels by libdatachannel (C++): ICE, DTLS, SCTP.
import { requirePeer } from './index.mjs';

/** Of one channel: above the first `send` says wait, below the second it may go on. */
const highWaterBytes = 1024 * 1024;
const lowWaterBytes = 256 * 1024;

export async function open({ side, host, signal }) {
  const { PeerConnection } = requirePeer('node-datachannel');
  const peer = new PeerConnection(side, { iceServers: [], bindAddress: host });
  peer.onLocalDescription((sdp, type) => signal.send({ sdp, type }));
  peer.onLocalCandidate((candidate, mid) => signal.send({ candidate, mid }));
  const hear = async () => {
    for (;;) {
      const { sdp, type, candidate, mid } = await signal.receive();
      if (sdp !== undefined) peer.setRemoteDescription(sdp, type);
      else peer.addRemoteCandidate(candidate, mid);
    }
  };
  void hear();
  const channel = await new Promise((resolve) => {
    if (side === 'listener') peer.onDataChannel(resolve);
    else {
      const opened = peer.createDataChannel('bench');
      opened.onOpen(() => resolve(opened));
    }
  });

  channel.setBufferedAmountLowThreshold(lowWaterBytes);
  const send = (bytes) => {
    channel.sendMessageBinary(bytes);
    return channel.bufferedAmount() < highWaterBytes;
  };
  const connection = {
    // Kept: they close what they refer to when they are collected.
    owners: [peer, channel],
    isReliable: true,
    chunkBytes: 65_536,
    send,
    write: send,
    onMessage: () => undefined,
    onDrain: () => undefined,
    onData: () => undefined,
    onWritable: () => undefined,
  };
  channel.onBufferedAmountLow(() => {
    connection.onDrain();
    connection.onWritable();
  });
  channel.onMessage((bytes) => {
    connection.onMessage(bytes);
    connection.onData(bytes.length);
  });
  return connection;
}
