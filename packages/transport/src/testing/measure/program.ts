/** The program that measures: `node --expose-gc program.js NAME NUMBER`, and prints the report as JSON. */
import { isMeasurement, measurements } from './measurements.js';

const [name = '', number = ''] = process.argv.slice(2);
if (!isMeasurement(name)) throw new Error(`no measurement has the name ${name}`);
process.stdout.write(JSON.stringify(measurements[name](Number(number))));
