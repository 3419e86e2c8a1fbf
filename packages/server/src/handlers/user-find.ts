import type { Handler } from './handler.js';

export const userFind: Handler<'user.find'> = ({ name }, { messenger }) => messenger.findUser(name);
