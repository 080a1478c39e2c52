/**
 * Defects that the simulation must find: each a small change of the shipped code, put into a copy of it. What finds them
 * is the checker, from effects and records; no assertion stands in the changed code.
 */

/** A defect as a change of text. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Texts that stand exactly once in the file, and what stands there instead. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** Of the simulation. */
  readonly args?: readonly string[];
}

/** Many small workflows that want the same at the same time. */
const crowded = ['--workflows', '8', '--steps', '5'];

/** See above. */
export const mutants: readonly Mutant[] = [
  {
    name: 'no epoch compare',
    file: 'src/engine/commit.ts',
    edits: [['compares: [isSameCreation(keys.shard(key.shard), epoch), ', 'compares: [']],
  },
  {
    name: 'a session revived: its lease is gone, and it takes a new one and goes on',
    file: 'src/lease/session.ts',
    edits: [
      [
        'if (this.signal.aborted) return;\n    this.#cancelDeadline();\n    this.#options.log.warn(',
        'if (this.signal.aborted || /deadline|record|lease/.test(reason)) return;\n    this.#options.log.warn(',
      ],
      ['setTimer(Math.max(0, this.marginMs)', 'setTimer(Math.max(500, this.marginMs)'],
      [
        'return [isSameCreation(keys.node(this.nodeId), this.revision)];',
        "return [{ at: keys.node(this.nodeId), target: 'create', relation: '>', revision: 0 }];",
      ],
      [
        "this.end('the store no longer has its lease');\n          return;",
        'const again = await store.grantLease(this.#ttlMs).catch(() => undefined);\n' +
          "          const value = encodeRecord(NodeRecord, { ...this.#options.node, unitId: 'again' });\n" +
          '          const key = keys.node(this.nodeId);\n' +
          "          const then = again === undefined ? [] : [{ type: 'put' as const, key, value, lease: again.id }];\n" +
          '          const made = await store.txn({ compares: [isAbsent(key)], then, otherwise: [] }).catch(() => undefined);\n' +
          '          if (made?.succeeded === true && again !== undefined) this.#lease = again.id;\n' +
          '          this.#deadlineMs = this.#deadlineFrom(sentMs);\n' +
          '          waitMs = 100;',
      ],
    ],
  },
  {
    name: 'retention before the parent read: a child deleted by itself',
    file: 'src/engine/commit.ts',
    edits: [['run.liveRevision > 0 && isRoot;', 'run.liveRevision > 0 && (isRoot || !isRoot);']],
  },
  {
    name: 'a new owner that overlooks what a step has added',
    file: 'src/engine/run.ts',
    edits: [['      this.#extend(record);', '      void record;']],
  },
  {
    name: 'a step passed on before what it has added is seen',
    file: 'src/engine/run.ts',
    edits: [
      [
        'if (this.#extend(entry.record)) this.#countAnew();',
        'if (this.#extend(entry.record)) this.#touch(id);',
      ],
    ],
  },
  {
    name: 'a step claimed by a node on which it may not run',
    file: 'src/queue/eligible.ts',
    edits: [
      [
        '  const fitting = members.filter((member) => fitsSelector(item, member));',
        '  const fitting = members;',
      ],
    ],
  },
  {
    name: 'a cache that lists once and then trusts its watch',
    file: 'src/store/cache.ts',
    edits: [['    void this.#resyncForEver(signal);', '    void this.#resyncForEver;']],
  },
  {
    name: 'a list that is not compared with what owners have read',
    file: 'src/engine/engine.ts',
    edits: [['owner.onListed(asOf);', 'void [owner, asOf];']],
  },
  {
    name: 'no session compare: what was claimed is ended when the claim is void',
    file: 'src/store/batcher.ts',
    edits: [['toTxn(this.#options.guard, batch)', 'toTxn([], batch)']],
  },
  {
    name: 'undo in forward order',
    file: 'src/model/graph.ts',
    edits: [
      [
        "const waited = way === 'forward' ? graph.predecessors : graph.successors;",
        'const waited = graph.predecessors;\n    this.#next = graph.successors;',
      ],
    ],
  },
  {
    name: 'the failed step is not undone',
    file: 'src/model/attempt.ts',
    edits: [
      [
        'return state !== OutcomeState.SKIPPED && effect !== EffectKind.NONE;',
        'return state === OutcomeState.SUCCEEDED && effect !== EffectKind.NONE;',
      ],
    ],
  },
  {
    name: "the intent is not kept after the claimer's death",
    file: 'src/model/attempt.ts',
    edits: [
      [
        "if (!item.inDoubt) return { kind: 'execute', isRepeat: false, effect: item.effect };",
        "return { kind: 'execute', isRepeat: false, effect: item.effect };",
      ],
    ],
  },
  {
    name: 'a lost answer taken for "not happened"',
    file: 'src/store/send.ts',
    edits: [
      [
        'await sleep(clock, waitMs, signal).catch(() => undefined);',
        'return { result: { succeeded: true, revision: 0 as never, results: txn.then.map(() => ({ type: "txn", result: { succeeded: false, revision: 0 as never, results: [] } })) }, wasResent: true };',
      ],
    ],
  },
  {
    name: 'a batcher that ignores sibling keys',
    file: 'src/store/unit.ts',
    edits: [['unit.compares.some(({ at }) => this.#isWritten(at)) ||', '']],
    args: crowded,
  },
  {
    name: 'release before commit',
    file: 'src/engine/workflow-actor.ts',
    edits: [
      [
        'const results = await Promise.allSettled(',
        'for (const { turn } of commits) { for (const change of turn.changes) { if (change.kind === "enqueue" && change.entry.record.claim !== undefined) this.#options.dispatch.start(this.key, change.entry.record, 0); } }\n    const results = await Promise.allSettled(',
      ],
    ],
  },
  {
    name: 'a probe with the token of the call that it asks after',
    file: 'src/dispatcher/execution.ts',
    edits: [['await step.held.raiseFence({ unknownProbes: next.unknownProbes });', '']],
  },
  {
    name: 'enqueue without the outcome compare',
    file: 'src/engine/commit.ts',
    edits: [
      [
        'isAbsent(keys.queue(key, change.step)),\n    isUnchanged(stepKey, change.former?.revision ?? 0),',
        'isAbsent(keys.queue(key, change.step)),',
      ],
    ],
  },
  {
    name: 'undo during a live call',
    file: 'src/engine/run.ts',
    edits: [['if (this.items.has(id)) return false;', '']],
  },
  {
    name: 'a session that outlives its lease',
    file: 'src/lease/session.ts',
    edits: [['return sentMs + this.#ttlMs * (1 - marginShare);', 'return sentMs + this.#ttlMs * 20;']],
  },
  {
    name: 'a claim without the compare of the workflow',
    file: 'src/dispatcher/dispatcher.ts',
    edits: [
      ['guards.push(isUnchanged(keys.live(place), live?.revision ?? nowhere));', 'void live; void nowhere;'],
    ],
  },
  {
    name: 'a lock granted on the word of the cache',
    file: 'src/engine/decide.ts',
    edits: [["turn.add({ kind: 'grant', guards });", "turn.add({ kind: 'grant', guards: [] });"]],
    args: crowded,
  },
  {
    name: 'a batcher that ignores ranges',
    file: 'src/store/unit.ts',
    edits: [
      [
        "if (typeof at === 'string') return keys.has(at) || ranges.some((range) => isInRange(at, range));",
        "if (typeof at !== 'string') return false;\n  return keys.has(at);",
      ],
    ],
    args: crowded,
  },
  {
    name: 'locks freed when the rollback begins',
    file: 'src/engine/moves.ts',
    edits: [
      [
        '  run.head = { ...run.head, stop: why, cancelRunning: run.head.cancelRunning || cancelRunning };',
        '  run.head = { ...run.head, stop: why, cancelRunning: run.head.cancelRunning || cancelRunning };\n  unlockAll(run, turn);',
      ],
    ],
  },
  {
    name: 'a permit freed while its call may be going on',
    file: 'src/dispatcher/step-end.ts',
    edits: [['permits: next.patch.inDoubt ? item.permits : [],', 'permits: [],']],
    args: crowded,
  },
  {
    name: 'a permit taken without asking whether it is there',
    file: 'src/admission/admission.ts',
    edits: [['guards: [policy, ...permits.map(isAbsent)] };', 'guards: [policy] };']],
    args: crowded,
  },
  {
    name: 'retention counted from the last look',
    file: 'src/model/retention.ts',
    edits: [['mark.measuredMs <= measuredMs - retentionMs', 'mark.measuredMs < measuredMs']],
  },
  {
    name: 'retention counted from the start',
    file: 'src/runtime/retention.ts',
    edits: [['.filter((kv) => kv.modRevision <= revision)', '']],
  },
  {
    name: 'a deletion that leaves the key by which it was found',
    file: 'src/engine/delete-workflow.ts',
    edits: [["{ type: 'delete', at: keys.ended(key, run.head.lastLiveRevision) },", '']],
  },
  {
    name: 'a decision without the compare of the workflow',
    file: 'src/engine/commit.ts',
    edits: [['isUnchanged(keys.live(key), run.liveRevision)]', ']']],
  },
  {
    name: "a child's locks freed at its end",
    file: 'src/engine/children.ts',
    edits: [
      [
        '  // What the children of earlier tries have left is there as well.\n',
        "  for (const need of run.head.locks) if (run.head.parent === undefined) turn.add({ kind: 'unlock', need });\n",
      ],
    ],
    args: crowded,
  },
  {
    name: 'an absent read taken for "not happened"',
    file: 'src/store/send.ts',
    edits: [
      [
        'await sleep(clock, waitMs, signal).catch(() => undefined);',
        "const witness = txn.then.flatMap((op) => (op.type === 'txn' ? op.txn.then : [])).find((op) => op.type === 'put');\n" +
          "      if (witness?.type === 'put' && (await store.get(witness.key).catch(() => ({}))) === undefined)\n" +
          "        return { result: { succeeded: true, revision: 0 as never, results: txn.then.map(() => ({ type: 'txn', result: { succeeded: false, revision: 0 as never, results: [] } })) }, wasResent: true };\n" +
          '      await sleep(clock, waitMs, signal).catch(() => undefined);',
      ],
    ],
  },
  {
    name: 'a permit freed at a timeout',
    file: 'src/dispatcher/execution.ts',
    edits: [
      [
        '        step.broken = end.broken;',
        '        step.broken = end.broken;\n        await step.held.write({ permits: [] });',
      ],
    ],
    args: crowded,
  },
  {
    name: 'retention before the parent read: a root deleted without its children',
    file: 'src/engine/delete-tree.ts',
    edits: [['if (await haveChildrenGone(run, options)) await', 'if (run.head.uid !== undefined) await']],
  },
  {
    name: "a child's note written after its end, not with it",
    file: 'src/engine/decide.ts',
    edits: [
      [
        'if (run.head.state !== stateBefore) tellParent(run, inputs.nowMs, turn);',
        'const late = run as unknown as { told?: number };\n' +
          '  if (run.head.state !== stateBefore) {\n    late.told = stateBefore;\n    turn.hasMore = true;\n  } else if (late.told !== undefined) {\n' +
          '    late.told = undefined;\n    tellParent(run, inputs.nowMs, turn);\n  }',
      ],
    ],
  },
];
