/** Controllers of a node's own process that fail where nobody waits for them: what becomes of the node. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { connect } from '../../src/client/client.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import { startServer } from './support/processes.js';
import { submission } from './support/requests.js';
import { temporaryDirectory } from './support/temporary.js';

const module = fileURLToPath(new URL('support/careless-controller.ts', import.meta.url));

describe('A controller that fails after it has answered', function () {
  this.timeout(30_000);

  it('is logged when it rejects a promise, and the node goes on; an exception ends the node, and it says why', async () => {
    const file = join(await temporaryDirectory(), 'controllers.yaml');
    await writeFile(file, `controllers: { careless: { module: ${JSON.stringify(module)} } }\n`);
    const server = await startServer('dev', '--controllers', file);
    const client = await connect(server.address, { timeoutMs: 20_000 });
    const submit = async (method: string): Promise<string> => {
      const request = submission(planOf(step('a', method, { controller: 'careless' })));
      return (await client.workflows.submitWorkflow(request)).workflow!.name;
    };
    const run = async (method: string): Promise<void> => {
      const name = await submit(method);
      await eventually(async () => {
        const { workflow: now } = await client.workflows.getWorkflow({ name });
        expect(now!.endTime).to.not.equal(undefined);
      }, 10_000);
    };
    try {
      await run('reject');
      await server.says(/"level":50.*rejected too late.*a promise was rejected and nobody cared/);
      await run('reject');
      await submit('throw').catch(() => undefined);
      expect(await server.ended).to.equal(exitCodes.defect);
      await server.says(/"level":60.*thrown too late.*careless-controller.*the node ends/);
    } finally {
      client.close();
      server.kill();
    }
  });
});
