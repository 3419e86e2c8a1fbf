import type { Handler } from './handler.js';

export const roomLeave: Handler<'room.leave'> = async ({ room }, { messenger, user }) => {
  await messenger.rooms.leave(user, room);
  return {};
};
