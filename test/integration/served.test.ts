/** A controller in a process of its own comes to its end: calls under way get their time, then are told to stop. */
import { expect } from 'chai';
import { Client } from '@grpc/grpc-js';
import { systemClock } from '../../src/base/clock.js';
import { callsOf } from '../../src/client/calls.js';
import { Endpoints } from '../../src/client/endpoints.js';
import { defineController, done, method, serveController, type Served } from '../../src/controller.js';
import {
  ControllerServiceService,
  ExecuteRequest,
} from '../../src/gen/wire/steplock/v1/controller_service.js';
import { clientOptions, insecure, isReady } from '../../src/grpc/channel.js';
import { createDeferred, type Deferred } from '../../src/base/deferred.js';
import { rejection } from '../support/rejection.js';

describe('A served controller', function () {
  this.timeout(30_000);
  let served: Served;
  let began: Deferred<undefined>;
  let gate: Deferred<undefined>;
  let isStopped: boolean;
  let isOver: boolean;
  const closing: (() => void)[] = [];

  const slow = defineController({
    kind: 'slow',
    version: '1',
    description: 'Takes its time',
    methods: {
      work: method({
        description: 'Works',
        argumentsSchema: { type: 'object' },
        undo: 'none-needed',
        execute: async ({ signal }) => {
          const stopped = new Promise<never>((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              // gRPC also cancels what has been answered.
              isStopped ||= !isOver;
              reject(new Error('told to stop'));
            });
          });
          began.resolve(undefined);
          await Promise.race([gate.promise, stopped]);
          isOver = true;
          return done({ worked: true });
        },
      }),
    },
  });
  beforeEach(async () => {
    [began, gate, isStopped, isOver] = [createDeferred(), createDeferred(), false, false];
    served = await serveController(slow, { address: '127.0.0.1:0' });
  });
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  const execute = async (): Promise<unknown> => {
    const endpoints = new Endpoints([served.endpoint], systemClock);
    closing.push(() => {
      endpoints.close();
    });
    const { execute: call } = callsOf(ControllerServiceService, endpoints, systemClock);
    const context = {
      workflow: 'workflows/w',
      step: 'a',
      attempt: 1,
      fencingToken: { generation: '1', revision: '1' },
      idempotencyKey: 'k',
      deadline: new Date(Date.now() + 60_000),
    };
    const request = ExecuteRequest.fromPartial({ context, method: 'work', arguments: {} });
    return await call(request, { timeoutMs: 20_000 });
  };

  it('lets a call under way end, and takes no other', async () => {
    const answer = execute();
    await began.promise;
    const closed = served.close(20_000);
    const late = new Client(served.endpoint, insecure(), clientOptions(true));
    expect(await isReady(late, Date.now() + 300)).to.equal(false);
    late.close();
    gate.resolve(undefined);
    expect(await answer).to.have.nested.property('result.$case', 'done');
    await closed;
    expect(isStopped).to.equal(false);
  });

  it('tells a call to stop that takes longer than its time', async () => {
    const answer = rejection(execute());
    await began.promise;
    await served.close(50);
    expect(isStopped).to.equal(true);
    expect(await answer).to.have.property('reason');
  });
});
