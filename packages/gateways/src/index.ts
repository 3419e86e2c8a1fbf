/** The protocols of older systems: for each a codec and a session machine that knows no socket and no clock. */
export * from './line-service/index.js';
export * from './pair-chat/index.js';
export * from './peer-directory/index.js';
