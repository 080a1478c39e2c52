/** Watches many workflows at once, as one stream. */
import { AbortScope } from '../base/abort.js';
import { createDeferred } from '../base/deferred.js';
import type { WorkflowUpdate } from './watch.js';
import type { WorkflowHandle } from './workflow.js';

/** An update, and whose it is. */
export interface NamedUpdate extends WorkflowUpdate {
  /** `workflows/{workflow}`. */
  readonly name: string;
}

/**
 * What changes in any of the workflows, until all of them have ended. Each is watched for itself, so the order holds within
 * a workflow, and no slow reader makes it hold more than one update of each. Ends early when the signal aborts.
 *
 * @throws what the watch of any of them throws.
 */
export async function* watchAll(
  handles: Iterable<Pick<WorkflowHandle<unknown>, 'name' | 'watch'>>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<NamedUpdate, void, void> {
  const scope = new AbortScope(...(options.signal === undefined ? [] : [options.signal]));
  const ready: { readonly update: NamedUpdate; readonly taken: () => void }[] = [];
  let wake = (): void => undefined;
  let open = 0;
  let failure: { readonly error: unknown } | undefined;
  const pump = async (handle: Pick<WorkflowHandle<unknown>, 'name' | 'watch'>): Promise<void> => {
    for await (const update of handle.watch({ signal: scope.signal })) {
      const taken = createDeferred<undefined>();
      const take = (): void => {
        taken.resolve(undefined);
      };
      ready.push({ update: { ...update, name: handle.name }, taken: take });
      wake();
      await taken.promise;
    }
  };
  for (const handle of handles) {
    open += 1;
    void pump(handle)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        open -= 1;
        wake();
      });
  }
  try {
    while (open > 0 || ready.length > 0) {
      const next = ready.shift();
      if (next !== undefined) {
        yield next.update;
        next.taken();
      } else if (failure !== undefined) {
        throw failure.error as Error;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (failure !== undefined) throw failure.error as Error;
  } finally {
    scope.abort(new Error('The watch is over'));
    for (const { taken } of ready) taken();
  }
}
