/**
 * One round: volumes are provisioned, written, grown, a plan fails and is undone, all is taken back. Somewhere in it the
 * node is killed. At the end everything must be as if that had not happened: asked of the directories, of tgtd, and of
 * the bytes that the host reads.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemRandom } from '../../../src/base/random.js';
import { newUuid } from '../../../src/base/ids.js';
import type { StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../../src/gen/wire/steplock/v1/workflow.js';
import { stateNameOf } from '../../../src/cli/tree.js';
import { createInitiator, type Initiator } from '../../../plugins/linux/initiator.js';
import { eventually } from '../../support/eventually.js';
import {
  chapUser,
  failPlan,
  initiator,
  provisionPlan,
  removePlan,
  resizePlan,
  sizeBytes,
  volumes,
} from './plans.js';
import type { Instant } from './stopping-controller.js';
import { chapSecret, type Rack, type Stage } from './stage.js';

/** What came of a round. */
export interface RoundResult {
  /** Whether the instant was reached and the node was killed there. */
  readonly wasKilled: boolean;
}

const endMs = 60_000;

/** Runs a round with the node killed at the instant. */
export async function runRound(stage: Stage, number: number, instant: Instant): Promise<RoundResult> {
  const named = { ...instant, workflow: `${instant.workflow}-${number}` };
  await stage.stopAt(named);
  let wasKilled = false;
  const run = async (name: string, steps: StepSpec[], expected: WorkflowState): Promise<void> => {
    wasKilled = (await runWorkflow(stage, `${name}-${number}`, steps, expected, named)) || wasKilled;
  };
  await run('provision', provisionPlan(), WorkflowState.SUCCEEDED);
  await expectVolumes(stage, sizeBytes);
  await writeBytes(stage);
  await run('resize', resizePlan(), WorkflowState.SUCCEEDED);
  await expectBytes(stage);
  await run('fail', failPlan(), WorkflowState.ROLLED_BACK);
  await expectVolumes(stage, 2 * sizeBytes);
  await expectBytes(stage);
  await run('remove', removePlan(), WorkflowState.SUCCEEDED);
  await expectNothing(stage);
  return { wasKilled };
}

/** Runs a workflow to its end; kills the node and starts it again if it stops on the way. Gives whether it did. */
async function runWorkflow(
  stage: Stage,
  workflowId: string,
  steps: StepSpec[],
  expected: WorkflowState,
  instant: Instant,
): Promise<boolean> {
  const request = {
    requestId: newUuid(systemRandom),
    workflowId,
    settings: undefined,
    plan: { steps, groups: [] },
    actor: 'test',
    planHash: '',
  };
  await eventually(async () => await stage.client.workflows.submitWorkflow(request), endMs);
  let wasKilled = false;
  const state = await eventually(async () => {
    if (!wasKilled && instant.workflow === workflowId && stage.hasReached()) {
      // Volumes that are in use stay in use while there is no node.
      await stage.killNode();
      wasKilled = true;
      await stage.startNode();
    }
    const { workflow } = await stage.client.workflows.getWorkflow({ name: `workflows/${workflowId}` });
    if (workflow?.endTime === undefined)
      throw new Error(`${workflowId} is ${stateNameOf(workflow?.state ?? 0)}`);
    return workflow.state;
  }, endMs);
  expect(stateNameOf(state), workflowId).to.equal(stateNameOf(expected));
  await expectNoIncident(stage);
  return wasKilled;
}

async function expectNoIncident({ client }: Stage): Promise<void> {
  const { incidents } = await client.incidents.listIncidents({
    pageSize: 10,
    pageToken: '',
    includeResolved: true,
  });
  expect(incidents.map(({ name, error }) => `${name}: ${error?.message ?? ''}`)).to.deep.equal([]);
}

/** Exactly the volumes that were asked for: in the directories, at tgtd, and as the host sees them. */
async function expectVolumes(stage: Stage, sizeOfA: number): Promise<void> {
  for (const rack of stage.racks) {
    const wanted = volumes.filter(({ system }) => system === rack.id).map(({ volume }) => volume);
    expect(await filesOf(rack), rack.id).to.deep.equal(
      wanted.flatMap((volume) => [`${volume}.img`, `${volume}.json`]),
    );
    const targets = (await rack.tgtd.client.show()).targets.map(({ name }) => name);
    expect(targets, rack.id).to.deep.equal(wanted.map((volume) => targetOf(rack, volume)));
    const host = hostOf(rack);
    expect(await host.discover()).to.deep.equal(targets);
    for (const volume of wanted) {
      const capacity = await host.capacity({ target: targetOf(rack, volume), lun: 1 });
      expect(capacity, volume).to.equal(volume === 'vol-a' ? sizeOfA : sizeBytes);
    }
  }
}

async function writeBytes(stage: Stage): Promise<void> {
  for (const { volume, system } of volumes) {
    const rack = stage.rack(system);
    const pattern = patternOf(volume);
    await hostOf(rack).io({ target: targetOf(rack, volume), lun: 1 }, `write -P ${pattern} 1M 2M`, 'flush');
  }
}

/** What was written is there, and what was not written is zero. */
async function expectBytes(stage: Stage): Promise<void> {
  for (const { volume, system } of volumes) {
    const rack = stage.rack(system);
    const unit = { target: targetOf(rack, volume), lun: 1 };
    await hostOf(rack).io(unit, `read -P ${patternOf(volume)} 1M 2M`, 'read -P 0 0 1M', 'read -P 0 3M 4M');
  }
}

async function expectNothing(stage: Stage): Promise<void> {
  for (const rack of stage.racks) {
    expect(await filesOf(rack), rack.id).to.deep.equal([]);
    expect(await readdir(join(rack.rootDir, 'accounts')), rack.id).to.deep.equal([]);
    const { targets, accounts } = await rack.tgtd.client.show();
    expect([...targets.map(({ name }) => name), ...accounts], rack.id).to.deep.equal([]);
  }
}

async function filesOf({ rootDir }: Rack): Promise<string[]> {
  return (await readdir(join(rootDir, 'volumes'))).sort();
}

function targetOf({ id }: Rack, volume: string): string {
  return `iqn.2026-11.test.steplock:${id}:${volume}`;
}

function hostOf({ tgtd }: Rack): Initiator {
  return createInitiator({
    name: initiator,
    portal: tgtd.portal,
    chap: { username: chapUser, secret: chapSecret },
  });
}

function patternOf(volume: string): string {
  return volume === 'vol-a' ? '0xa1' : '0xb2';
}
