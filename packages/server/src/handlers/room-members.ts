import type { Handler } from './handler.js';

export const roomMembers: Handler<'room.members'> = async ({ room }, { messenger }) => ({
  room,
  members: await messenger.rooms.members(room),
});
