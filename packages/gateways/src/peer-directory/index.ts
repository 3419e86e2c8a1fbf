/** The peer directory: who is where, and how two of its clients talk. */
export { PeerDirectory, type DirectoryClient } from './directory.js';
export {
  encodePeerMessage,
  isPeerName,
  PeerMessageDecoder,
  type DecodedPeerMessage,
  type PeerMessage,
} from './messages.js';
export { PeerChat, type CallerParticulars, type ChatEvent } from './peer-chat.js';
