import { accountLogin } from './account-login.js';
import { accountLogout } from './account-logout.js';
import { accountRegister } from './account-register.js';
import { accountResume } from './account-resume.js';
import { gatewaySend } from './gateway-send.js';
import { pathOffer } from './path-offer.js';
import { pathPublish } from './path-publish.js';
import { pathRestore } from './path-restore.js';
import { relaySend } from './relay-send.js';
import { roomClose } from './room-close.js';
import { roomEnter } from './room-enter.js';
import { roomLeave } from './room-leave.js';
import { roomList } from './room-list.js';
import { roomMembers } from './room-members.js';
import { serverHello } from './server-hello.js';
import { serverPing } from './server-ping.js';
import { sessionAnswer } from './session-answer.js';
import { sessionClose } from './session-close.js';
import { sessionOpen } from './session-open.js';
import { sessionRestore } from './session-restore.js';
import { userConnected } from './user-connected.js';
import { userFind } from './user-find.js';
import { userList } from './user-list.js';

/** Every request of the control protocol by its JSON-RPC method name. */
export const commands = {
  'server.hello': serverHello,
  'server.ping': serverPing,
  'account.register': accountRegister,
  'account.login': accountLogin,
  'account.resume': accountResume,
  'account.logout': accountLogout,
  'user.list': userList,
  'user.connected': userConnected,
  'user.find': userFind,
  'room.list': roomList,
  'room.members': roomMembers,
  'room.enter': roomEnter,
  'room.leave': roomLeave,
  'room.close': roomClose,
  'session.open': sessionOpen,
  'session.answer': sessionAnswer,
  'session.close': sessionClose,
  'session.restore': sessionRestore,
  'gateway.send': gatewaySend,
  'path.publish': pathPublish,
  'path.offer': pathOffer,
  'path.restore': pathRestore,
  'relay.send': relaySend,
} as const;
