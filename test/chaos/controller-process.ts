/** A remote controller of the chaos run: `controller-process.ts HOST:PORT URL-OF-THE-ARRAY`. */
import { silentLogger } from '../../src/controller.js';
import { serveController } from '../../src/remote/serve-controller.js';
import { createArrayController } from './controller.js';

const [address = '127.0.0.1:0', url = ''] = process.argv.slice(2);
const { endpoint } = await serveController(createArrayController(url), { address, log: silentLogger });
process.stdout.write(`serves at ${endpoint}\n`);
