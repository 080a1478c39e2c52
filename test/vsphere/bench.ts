/** What tests of the vSphere steps work with: a vCenter, a tgtd whose targets its hosts see, and a way to run steps. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTgtd, type RunningTgtd } from '../../plugins/linux/tgtd.js';
import { createVsphereController } from '../../plugins/vsphere/controller.js';
import { VCenters } from '../../plugins/vsphere/vcenter.js';
import {
  silentLogger,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type JsonObject,
  type PollResult,
  type UndoneStep,
} from '../../src/controller.js';
import { startVCenter, type VCenterProcess } from './vcenter-process.js';

export const mebibyte = 1024 * 1024;

/** See the head of this file. */
export interface VsphereBench {
  readonly vcenter: VCenterProcess;
  readonly tgtd: RunningTgtd;
  readonly controller: ControllerPort;
  /** Runs a step as a node does: again when the outcome is not known or trying again may help. Gives its last answer. */
  run(
    step: string,
    method: string,
    args: JsonObject,
    attemptsMax?: number,
  ): Promise<ExecuteResult | PollResult>;
  /** Runs it, and it has to be done. */
  must(step: string, method: string, args: JsonObject): Promise<JsonObject>;
  /** Undoes it. */
  undo(step: string, method: string, args: JsonObject, undone?: Partial<UndoneStep>): Promise<JsonObject>;
  /** Makes a unit of that size, bound to these initiators. */
  makeUnit(naa: string, bytes: number, initiators: readonly string[]): Promise<void>;
  growUnit(naa: string, bytes: number): Promise<void>;
  removeUnit(naa: string): Promise<void>;
}

/** Starts it all. */
export async function createVsphereBench(): Promise<VsphereBench & { stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'steplock-vsphere-'));
  const tgtd = await startTgtd({ diesWithParent: true, ipcPath: join(directory, 'socket') });
  const vcenter = await startVCenter(tgtd);
  const vcenters = new VCenters([
    {
      id: 'vc-1',
      origin: vcenter.origin,
      trust: { sha256: vcenter.sha256 },
      userName: vcenter.user,
      password: () => Promise.resolve(vcenter.password),
    },
  ]);
  const controller = createVsphereController(vcenters);
  const steps = stepsOf(controller);
  return {
    vcenter,
    tgtd,
    controller,
    ...steps,
    ...unitsOf(tgtd, directory),
    stop: async () => {
      await vcenters.close();
      await vcenter.stop();
      await tgtd.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function contextOf(step: string, more: Partial<CallContext>): CallContext {
  return {
    workflow: 'wf',
    workflowUid: 'uid',
    step,
    direction: 'forward',
    attempt: 1,
    fencingToken: { generation: 1, revision: 1 },
    idempotencyKey: `key-${step}`,
    formerKeys: [],
    deadlineMs: Date.now() + 60_000,
    system: 'vc-1',
    tenant: 'acme',
    undone: undefined,
    signal: new AbortController().signal,
    progress: () => undefined,
    log: silentLogger,
    ...more,
  };
}

function stepsOf(controller: ControllerPort): Pick<VsphereBench, 'run' | 'must' | 'undo'> {
  const repeat = async (
    context: CallContext,
    method: string,
    args: JsonObject,
    attemptsMax: number,
  ): Promise<ExecuteResult | PollResult> => {
    for (let attempt = 1; ; attempt++) {
      let answer: ExecuteResult | PollResult | undefined;
      try {
        answer = await controller.execute({ ...context, attempt }, method, args);
        while (answer.kind === 'pending') answer = await controller.poll(context, method, answer.task, args);
      } catch (error) {
        if (attempt === attemptsMax) throw error;
      }
      if (answer !== undefined && (answer.kind !== 'failed' || !answer.retryable || attempt === attemptsMax))
        return answer;
    }
  };
  const must = (answer: ExecuteResult | PollResult, what: string): JsonObject => {
    if (answer.kind !== 'done') throw new Error(`${what}: ${JSON.stringify(answer)}`);
    return answer.output;
  };
  return {
    run: async (step, method, args, attemptsMax = 5) =>
      await repeat(contextOf(step, {}), method, args, attemptsMax),
    must: async (step, method, args) => must(await repeat(contextOf(step, {}), method, args, 5), method),
    undo: async (step, method, args, undone = {}) => {
      const facts: UndoneStep = {
        state: 'unknown',
        effect: 'unknown',
        output: undefined,
        idempotencyKey: `key-${step}`,
        formerKeys: [],
        ...undone,
      };
      const context = contextOf(step, {
        direction: 'undo',
        idempotencyKey: `undo-${step}`,
        undone: facts,
      });
      return must(await repeat(context, method, args, 5), method);
    },
  };
}

function unitsOf(
  { client }: RunningTgtd,
  directory: string,
): Pick<VsphereBench, 'makeUnit' | 'growUnit' | 'removeUnit'> {
  const tids = new Map<string, number>();
  const pathOf = (naa: string): string => join(directory, `${naa}.img`);
  return {
    makeUnit: async (naa, bytes, initiators) => {
      const tid = tids.size + 1;
      tids.set(naa, tid);
      await writeFile(pathOf(naa), '');
      await truncate(pathOf(naa), bytes);
      await client.request({
        mode: 'target',
        operation: 'new',
        tid,
        parameters: `targetname=iqn.2026-11.com.example:${naa}`,
      });
      await client.request({
        mode: 'logicalunit',
        operation: 'new',
        tid,
        lun: 1,
        parameters: `path=${pathOf(naa)}`,
      });
      const id = naa.slice('naa.'.length);
      await client.request({
        mode: 'logicalunit',
        operation: 'update',
        tid,
        lun: 1,
        parameters: `scsi_sn=${id},scsi_id=${id}`,
      });
      for (const name of initiators)
        await client.request({
          mode: 'target',
          operation: 'bind',
          tid,
          parameters: `initiator-name=${name}`,
        });
    },
    growUnit: async (naa, bytes) => {
      await truncate(pathOf(naa), bytes);
    },
    removeUnit: async (naa) => {
      const tid = tids.get(naa);
      if (tid !== undefined)
        await client.request({ mode: 'target', operation: 'delete', tid, force: true }, ['no target']);
      await rm(pathOf(naa), { force: true });
    },
  };
}
