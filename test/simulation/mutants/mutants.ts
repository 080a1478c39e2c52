/**
 * Defects that the simulation must find: each a small change of the shipped code, put into a copy of it. What finds them
 * is the checker, from effects and records; no assertion stands in the changed code.
 */

/** A defect as a change of text. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Of the simulation. */
  readonly args?: readonly string[];
}

/** Many small workflows that want the same at the same time. */
const crowded = ['--workflows', '8', '--steps', '5'];

/** See above. */
export const mutants: readonly Mutant[] = [
  {
    name: 'undo in forward order',
    file: 'src/model/graph.ts',
    find: "const waited = way === 'forward' ? graph.predecessors : graph.successors;",
    replace: 'const waited = graph.predecessors;\n    this.#next = graph.successors;',
  },
  {
    name: 'the failed step is not undone',
    file: 'src/model/attempt.ts',
    find: 'return state !== OutcomeState.SKIPPED && effect !== EffectKind.NONE;',
    replace: 'return state === OutcomeState.SUCCEEDED && effect !== EffectKind.NONE;',
  },
  {
    name: "the intent is not kept after the claimer's death",
    file: 'src/model/attempt.ts',
    find: "if (!item.inDoubt) return { kind: 'execute', isRepeat: false, effect: item.effect };",
    replace: "return { kind: 'execute', isRepeat: false, effect: item.effect };",
  },
  {
    name: 'a lost answer taken for "not happened"',
    file: 'src/store/send.ts',
    find: 'await sleep(clock, waitMs, signal).catch(() => undefined);',
    replace:
      'return { result: { succeeded: true, revision: 0 as never, results: txn.then.map(() => ({ type: "txn", result: { succeeded: false, revision: 0 as never, results: [] } })) }, wasResent: true };',
  },
  {
    name: 'a batcher that ignores sibling keys',
    file: 'src/store/unit.ts',
    find: 'unit.compares.some(({ at }) => this.#isWritten(at)) ||',
    replace: '',
    args: crowded,
  },
  {
    name: 'release before commit',
    file: 'src/engine/workflow-actor.ts',
    find: 'const results = await Promise.allSettled(',
    replace:
      'for (const { turn } of commits) { for (const change of turn.changes) { if (change.kind === "enqueue" && change.entry.record.claim !== undefined) this.#options.dispatch.start(this.key, change.entry.record, 0); } }\n    const results = await Promise.allSettled(',
  },
  {
    name: 'a probe with the token of the call that it asks after',
    file: 'src/dispatcher/execution.ts',
    find: 'await step.held.raiseFence({ unknownProbes: next.unknownProbes });',
    replace: '',
  },
  {
    name: 'enqueue without the outcome compare',
    file: 'src/engine/commit.ts',
    find: 'isUnchanged(stepKey, change.former?.revision ?? 0),\n      );\n      if (change.former',
    replace: ');\n      if (change.former',
  },
  {
    name: 'undo during a live call',
    file: 'src/engine/run.ts',
    find: 'if (this.items.has(id)) return false;',
    replace: '',
  },
  {
    name: 'a session that outlives its lease',
    file: 'src/lease/session.ts',
    find: 'return sentMs + this.#ttlMs * (1 - marginShare);',
    replace: 'return sentMs + this.#ttlMs * 20;',
  },
  {
    name: 'a claim without the compare of the workflow',
    file: 'src/dispatcher/dispatcher.ts',
    find: 'guards.push(isUnchanged(keys.live(place), live?.revision ?? nowhere));',
    replace: 'void live; void nowhere;',
  },
  {
    name: 'a lock granted on the word of the cache',
    file: 'src/engine/decide.ts',
    find: "turn.add({ kind: 'grant', guards });",
    replace: "turn.add({ kind: 'grant', guards: [] });",
    args: crowded,
  },
  {
    name: 'a batcher that ignores ranges',
    file: 'src/store/unit.ts',
    find: "if (typeof at === 'string') return keys.has(at) || ranges.some((range) => isInRange(at, range));",
    replace: "if (typeof at !== 'string') return false;\n  return keys.has(at);",
    args: crowded,
  },
  {
    name: 'locks freed when the rollback begins',
    file: 'src/engine/moves.ts',
    find: '  run.head = { ...run.head, stop: why, cancelRunning: run.head.cancelRunning || cancelRunning };',
    replace:
      '  run.head = { ...run.head, stop: why, cancelRunning: run.head.cancelRunning || cancelRunning };\n  unlockAll(run, turn);',
  },
  {
    name: 'a permit freed while its call may be going on',
    file: 'src/dispatcher/step-end.ts',
    find: 'permits: next.patch.inDoubt ? item.permits : [],',
    replace: 'permits: [],',
    args: crowded,
  },
  {
    name: 'a permit taken without asking whether it is there',
    file: 'src/admission/admission.ts',
    find: 'guards: [policy, ...permits.map(isAbsent)] };',
    replace: 'guards: [policy] };',
    args: crowded,
  },
  {
    name: 'a new owner that overlooks what a step has added',
    file: 'src/engine/run.ts',
    find: '      this.#extend(record);',
    replace: '      void record;',
  },
  {
    name: 'a step passed on before what it has added is seen',
    file: 'src/engine/run.ts',
    find: 'if (this.#extend(entry.record)) this.#countAnew();',
    replace: 'if (this.#extend(entry.record)) this.#touch(id);',
  },
  {
    name: 'retention counted from the last look',
    file: 'src/model/retention.ts',
    find: 'mark.measuredMs <= measuredMs - retentionMs',
    replace: 'mark.measuredMs < measuredMs',
  },
  {
    name: 'retention counted from the start',
    file: 'src/runtime/retention.ts',
    find: '.filter((kv) => kv.modRevision <= revision)',
    replace: '',
  },
  {
    name: 'a deletion that leaves the key by which it was found',
    file: 'src/engine/delete-workflow.ts',
    find: "{ type: 'delete', at: keys.ended(key, run.head.lastLiveRevision) },",
    replace: '',
  },
  {
    name: 'a decision without the compare of the workflow',
    file: 'src/engine/commit.ts',
    find: 'isUnchanged(keys.live(key), run.liveRevision)]',
    replace: ']',
  },
];
