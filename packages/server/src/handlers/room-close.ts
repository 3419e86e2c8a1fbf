import type { Handler } from './handler.js';

export const roomClose: Handler<'room.close'> = async ({ room }, { messenger, user }) => {
  await messenger.rooms.close(user, room);
  return {};
};
