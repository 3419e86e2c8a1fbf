export type { LineAnswer, LineAsk, LineNews, LineOutput, Refusal } from './line-world.js';
export { LineService, type LineServiceSettings } from './line-service.js';
