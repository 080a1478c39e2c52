/** Whether a workflow has not ended, asked of the store: a cache may not have seen yet that it began. */
import type { WorkflowId } from '../base/ids.js';
import { keys, shardOf } from '../store/keys.js';
import type { Store } from '../store/store.js';

/** See above. */
export async function isLiveWorkflow(store: Store, shards: number, id: string): Promise<boolean> {
  const workflow = id as WorkflowId;
  return (await store.get(keys.live({ shard: shardOf(workflow, shards), id: workflow }))) !== undefined;
}
