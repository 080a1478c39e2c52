/** A server may say what it likes: what the command line prints of it is obeyed by no terminal. */
import { expect } from 'chai';
import { Server, status } from '@grpc/grpc-js';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { WorkflowServiceService } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { bindServer } from '../../src/grpc/channel.js';
import { startSteplock } from './support/processes.js';

const escape = String.fromCharCode(27);

describe('The command line, with a server that answers in control characters', function () {
  this.timeout(30_000);
  const server = new Server();
  let address = '';

  before(async () => {
    const { listWorkflows } = WorkflowServiceService;
    server.addService(
      { listWorkflows },
      {
        listWorkflows: (_call: unknown, callback: (error: object) => void) => {
          callback({
            code: status.NOT_FOUND,
            details: `gone${escape}[2J${escape}]0;owned\u0007\rsteplock: ok`,
          });
        },
      },
    );
    address = await bindServer(server, '127.0.0.1:0');
  });
  after(() => {
    server.forceShutdown();
  });

  it('prints its error without them', async () => {
    const command = startSteplock(['workflow', 'list'], '', { STEPLOCK_SERVER: address });
    expect(await command.ended).to.not.equal(exitCodes.ok);
    expect(command.output.err).to.include('gone\uFFFD[2J\uFFFD]0;owned\uFFFD steplock: ok');
    expect(command.output.err).to.not.match(/[^\P{Cc}\n]/u);
  });
});
