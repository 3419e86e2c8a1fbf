import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

export default {
  canInstrument: false,
  process(code, path) {
    const map = `${path}.map`;
    return existsSync(map) ? { code, map: readFileSync(map, 'utf8') } : { code };
  },
  getCacheKey: (code, path) => createHash('sha256').update(path).update(code).digest('hex'),
};
