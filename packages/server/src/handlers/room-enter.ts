import type { Handler } from './handler.js';

export const roomEnter: Handler<'room.enter'> = ({ room, id, linked }, { messenger, user }) =>
  messenger.rooms.enter(user, room, { id, linked });
