/** Starts a tgtd, says its process id and stays, to be killed (tgtd.test.ts). */
import { startTgtd } from '../../../plugins/linux/tgtd.js';

const [, , diesWithParent, ipcPath = ''] = process.argv;
const tgtd = await startTgtd({ diesWithParent: diesWithParent === 'true', ipcPath });
process.stdout.write(`${tgtd.pid}\n`);
setInterval(() => undefined, 60_000);
