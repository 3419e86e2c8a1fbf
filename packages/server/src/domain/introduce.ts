import type { Introduction } from '@parley/protocol';
import type { RandomSource } from './ports.js';
import type { OnlineUser } from './presence.js';

/**
 * What each of two users gets to know about the other; of two devices the initiator sends the first handshake message.
 * Where one of them has no device, they talk through the server.
 */
export function introduce(
  random: RandomSource,
  initiator: OnlineUser,
  responder: OnlineUser,
): { id: string; toInitiator: Introduction; toResponder: Introduction } {
  const id = random.id();
  if (initiator.door !== 'native' || responder.door !== 'native') {
    return {
      id,
      toInitiator: { via: 'gateway', id, peer: responder.name, door: responder.door },
      toResponder: { via: 'gateway', id, peer: initiator.name, door: initiator.door },
    };
  }
  const psk = random.secret();
  const { name: peer, deviceKey, candidates } = responder;
  return {
    id,
    toInitiator: { via: 'device', id, psk, role: 'initiator', peer, deviceKey, candidates: [...candidates] },
    toResponder: {
      ...{ via: 'device', id, psk, role: 'responder' },
      ...{ peer: initiator.name, deviceKey: initiator.deviceKey, candidates: [...initiator.candidates] },
    },
  };
}
