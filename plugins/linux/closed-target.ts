/** Changes a volume's file under its initiators, if it has any, without failing a command of theirs. */
import type { Call } from './call.js';
import { targetName, tgtdSocketPath } from './system-layout.js';
import { identityOf, lookUpTarget } from './target-lookup.js';
import { reopenTarget } from './target-work.js';
import { createTgtdClient } from './tgtd-client.js';
import type { VolumeRecord } from './volume-record.js';

/**
 * Runs the change while no command can reach the volume's file, then lets tgtd open it again.
 *
 * Wants the volume's lock and not tgtd's: a target is changed only under its volume's lock.
 */
export async function whileTargetIsClosed(
  call: Call,
  record: VolumeRecord,
  change: () => Promise<void>,
): Promise<void> {
  const { system, clock, signal, reach, volume } = call;
  if (record.export === undefined) {
    await change();
    return;
  }
  const tgtd = createTgtdClient(tgtdSocketPath(system), clock);
  const [instance, view] = [await tgtd.instance(), await tgtd.show()];
  const found = lookUpTarget(view, identityOf(call, instance), record.export);
  // A tgtd that was restarted does not have the file open: restoring makes it see the new size.
  if (found.kind !== 'own') {
    await change();
    return;
  }
  call.context.log.info(
    { volume, target: targetName(system, volume), sessions: found.target.sessions.length },
    'Closing the target for a moment',
  );
  await reopenTarget({ tgtd, tid: found.target.tid, clock, signal, reach }, call.paths.image, change);
}
