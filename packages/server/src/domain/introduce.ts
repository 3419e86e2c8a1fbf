import type { Introduction } from '@parley/protocol';
import type { RandomSource } from './ports.js';
import type { OnlineUser } from './presence.js';

/** What each of two devices gets to know about the other; the initiator sends the first handshake message. */
export function introduce(
  random: RandomSource,
  initiator: OnlineUser,
  responder: OnlineUser,
): { id: string; toInitiator: Introduction; toResponder: Introduction } {
  const id = random.id();
  const psk = random.secret();
  return {
    id,
    toInitiator: { id, psk, role: 'initiator', ...factsOf(responder) },
    toResponder: { id, psk, role: 'responder', ...factsOf(initiator) },
  };
}

function factsOf(user: OnlineUser): Pick<Introduction, 'peer' | 'deviceKey' | 'candidates'> {
  return { peer: user.name, deviceKey: user.deviceKey, candidates: [...user.candidates] };
}
