import type { Handler } from './handler.js';

export const roomList: Handler<'room.list'> = async (params, { messenger }) => {
  const { items, next } = await messenger.rooms.page(params);
  return { rooms: items, next };
};
