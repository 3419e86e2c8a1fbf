/** Files that only their owner may read, and that are whole whatever crashes. */
export { makePrivateDirectory, readIfThere, writePrivateFile } from './private-files.js';
