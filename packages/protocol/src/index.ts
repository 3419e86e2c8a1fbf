/** The protocols of Parley, declared once: control (client with server) and what peers say inside the transport. */
export { ByteReader, ByteWriter, MalformedError } from './byte-codec.js';
export { command, generalErrors, type Access, type Command } from './command.js';
export { commands } from './commands/index.js';
export {
  isEventName,
  isMethod,
  jsonVersion,
  protocolVersion,
  type EventName,
  type EventParams,
  type Method,
  type Params,
  type Result,
  type ServerEvent,
} from './control.js';
export { isDuration, parseDuration, showDuration } from './durations.js';
export {
  errorFacts,
  errorTable,
  exitCodeOf,
  exitCodes,
  isErrorCode,
  ParleyError,
  type ErrorCode,
  type ErrorFacts,
  type Fault,
} from './errors.js';
export { events } from './events.js';
export { FrameStream, type FrameBatch } from './frame-stream.js';
export {
  describeIssue,
  errorLine,
  notificationLine,
  parseRequest,
  parseServerLine,
  requestIdOf,
  requestLine,
  resultLine,
  type RequestId,
  type RpcReply,
  type RpcRequest,
} from './json-rpc.js';
export { lanService } from './lan-service.js';
export { limits, rates, type RateClass } from './limits.js';
export { IncomingChain, OutgoingChain, type ChainVerdict, type Hash } from './message-chain.js';
export {
  decodeMessageRecord,
  decodePeerFrame,
  encodeMessageRecord,
  encodeReceiptFrame,
  encodeTextFrame,
  messageChainBytes,
  messageHashBytes,
  messageIdBytes,
  textProblem,
  type MessageRecord,
  type PeerFrame,
} from './peer-message.js';
export {
  idSchema,
  namePattern,
  type Candidate,
  type CloseReason,
  type DeviceIntroduction,
  type GatewayIntroduction,
  type Introduction,
  type RelayGrant,
} from './values.js';
/** Zod's own: turns the schemas above into JSON Schema, for the docs. */
export { toJSONSchema } from 'zod';
