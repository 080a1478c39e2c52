/**
 * Carries out what export-plan.ts plans, at a real tgtd. All calls want tgtd's lock, except those of
 * {@link reopenTarget}, which touch one target only and want its volume's lock.
 */
import { sleep, type Clock } from '../../src/controller.js';
import { volumeLun, type ExportAction, type WantedExport, type Withdrawal } from './export-plan.js';
import type { LinuxFaultPoint } from './fault-points.js';
import { Refusal } from './refusal.js';
import { TgtdError, type TgtdClient } from './tgtd-client.js';
import type { Session, Target } from './tgtd-listing.js';

/** What working on a target needs. */
export interface TargetWork {
  readonly tgtd: TgtdClient;
  readonly tid: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Passes a named instant. */
  readonly reach: (point: LinuxFaultPoint) => Promise<void>;
}

/** How long initiators' commands may take to end after their connections were cut. */
const sessionsEndMs = 15_000;
const pollMs = 5;

/** Carries out one step of an export. */
export async function carryOut(work: TargetWork, wanted: WantedExport, action: ExportAction): Promise<void> {
  const { tgtd, tid, reach } = work;
  switch (action.kind) {
    case 'make-target': {
      const parameters = `targetname=${wanted.targetName}`;
      await tgtd.request({ mode: 'target', operation: 'new', tid, parameters });
      await reach('export-volume:target-made');
      break;
    }
    case 'make-unit': {
      const parameters = `path=${wanted.path}`;
      await tgtd.request({ mode: 'logicalunit', operation: 'new', tid, lun: volumeLun, parameters });
      await reach('export-volume:lun-made');
      break;
    }
    case 'identify-unit': {
      const { serial, isThin } = wanted;
      await updateUnit(work, [
        ...['vendor_id=STEPLOCK', 'product_id=VOLUME', 'product_rev=0001'],
        ...[`scsi_sn=${serial}`, `scsi_id=${serial}`, `thin_provisioning=${isThin ? 1 : 0}`],
      ]);
      await reach('export-volume:lun-identified');
      break;
    }
    case 'bind-account': {
      const parameters = `user=${action.username}`;
      await tgtd.request({ mode: 'account', operation: 'bind', tid, parameters }, ['account exists']);
      await reach('export-volume:account-bound');
      break;
    }
    case 'bind-initiator': {
      const parameters = `initiator-name=${action.initiator}`;
      await tgtd.request({ mode: 'target', operation: 'bind', tid, parameters }, ['acl exists']);
      break;
    }
    case 'reopen':
      await reopenTarget(work, wanted.path, () => Promise.resolve());
      break;
  }
}

/** Keeps out who has to go, and ends their sessions. Who stays keeps theirs, unless accounts move. */
export async function withdraw(work: TargetWork, target: Target, plan: Withdrawal): Promise<void> {
  const { tgtd, tid, reach } = work;
  // Between unbinding and binding again an account is missing, and with none left nobody is asked for a
  // secret: nobody may log in meanwhile.
  const isClosed = plan.removesTarget || plan.rebind.length > 0;
  if (isClosed) await setState(work, 'offline');
  for (const name of plan.removesTarget ? target.acl : plan.initiators) {
    // What is bound by address is bound by hand; it goes with the target.
    if (!name.startsWith('iqn.')) continue;
    const parameters = `initiator-name=${name}`;
    await tgtd.request({ mode: 'target', operation: 'unbind', tid, parameters }, ['no acl', 'no target']);
  }
  await reach('unexport-volume:unbound');
  const isMeant = ({ initiator }: Session): boolean => isClosed || plan.initiators.includes(initiator);
  if (isClosed && !plan.removesTarget) await orOpenAgain(work, () => endSessions(work, isMeant));
  else await endSessions(work, isMeant);
  await reach('unexport-volume:sessions-closed');
  if (plan.removesTarget) await removeTarget(work);
  for (const username of plan.unbind) {
    await tgtd.request({ mode: 'account', operation: 'unbind', tid, parameters: `user=${username}` }, [
      'no account',
    ]);
  }
  for (const username of plan.rebind) {
    await tgtd.request({ mode: 'account', operation: 'bind', tid, parameters: `user=${username}` }, [
      'account exists',
    ]);
  }
  if (isClosed && !plan.removesTarget) await setState(work, 'ready');
  await reach('unexport-volume:target-removed');
}

/**
 * Has tgtd open the volume's file again, so that initiators see its new size; `whileClosed` runs when no
 * command can reach the file.
 *
 * A target that is offline answers no command and refuses logins; a session that is gone has no command
 * left. So nothing is in flight when the file is reopened, and nothing is answered with an error: initiators
 * lose their connection, come back as after a network failure and send again what was not answered.
 * (Removing the unit and adding it again would fail their commands, and tgtd 1.0.85 takes its own standard
 * input for the file while it reopens one under a running command.)
 */
export async function reopenTarget(
  work: TargetWork,
  path: string,
  whileClosed: () => Promise<void>,
): Promise<void> {
  await setState(work, 'offline');
  await orOpenAgain(work, async () => {
    await endSessions(work, () => true);
    await whileClosed();
  });
  const target = await show(work);
  if (target?.units.some(({ lun }) => lun === volumeLun) === true) {
    await updateUnit(work, ['online=0', `path=${path}`, 'online=1']);
  }
  await setState(work, 'ready');
}

/**
 * Runs what wants the target offline. A refusal changed nothing, so the initiators may come back. What is not
 * known keeps them out until the next attempt: it may have left the file half changed.
 */
async function orOpenAgain(work: TargetWork, change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (error instanceof Refusal) await setState(work, 'ready');
    throw error;
  }
}

/** Ends these sessions, and waits until all that they had in hand has ended. */
async function endSessions(work: TargetWork, isMeant: (session: Session) => boolean): Promise<void> {
  const { tgtd, tid, clock, signal } = work;
  const untilMs = clock.monotonicMs() + sessionsEndMs;
  for (;;) {
    const sessions = (await show(work))?.sessions.filter(isMeant) ?? [];
    if (sessions.length === 0) return;
    for (const { id: sid, connections } of sessions) {
      for (const cid of connections) {
        await tgtd.request({ mode: 'connection', operation: 'delete', tid, sid, cid }, [
          ...(['no session', 'no connection', 'no target'] as const),
        ]);
      }
    }
    if (clock.monotonicMs() > untilMs) {
      const names = sessions.map(({ initiator }) => initiator).join(', ');
      throw new Refusal('SessionsStayOpen', `Commands of ${names} do not end: look at the disk of tgtd`);
    }
    await sleep(clock, pollMs, signal);
  }
}

async function removeTarget(work: TargetWork): Promise<void> {
  const { tgtd, tid } = work;
  for (;;) {
    try {
      await tgtd.request({ mode: 'target', operation: 'delete', tid }, ['no target']);
      return;
    } catch (error) {
      // A login that had begun before the target went offline.
      if (!(error instanceof TgtdError) || error.error !== 'target active') throw error;
      await endSessions(work, () => true);
    }
  }
}

async function show({ tgtd, tid }: TargetWork): Promise<Target | undefined> {
  return (await tgtd.show()).targets.find((target) => target.tid === tid);
}

async function setState({ tgtd, tid }: TargetWork, state: 'ready' | 'offline'): Promise<void> {
  await tgtd.request({ mode: 'target', operation: 'update', tid, parameters: `state=${state}` });
}

async function updateUnit({ tgtd, tid }: TargetWork, values: readonly string[]): Promise<void> {
  const parameters = values.join(',');
  await tgtd.request({ mode: 'logicalunit', operation: 'update', tid, lun: volumeLun, parameters });
}
