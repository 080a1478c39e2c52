/**
 * Judges a chaos run by what is outside of the engine: the model array's own log, and what the API says of the workflows
 * at the end. Pure. The numbers in the messages are those of docs/guarantees.md.
 */
import { isOlder, objectOf, type LogEntry } from './array/log.js';

/** A step as it was planned, and as the API shows it at the end. */
export interface StepFacts {
  readonly id: string;
  readonly dependsOn: readonly string[];
  /** Whether it makes an object. */
  readonly makes: boolean;
  /** E.g. `SUCCEEDED`. */
  readonly state: string;
}

/** A workflow as it was asked for, and as the API shows it at the end. */
export interface WorkflowFacts {
  readonly id: string;
  readonly uid: string;
  /** E.g. `ROLLED_BACK`. */
  readonly state: string;
  /** The state that it has to come to if nobody cancels it. */
  readonly expected: string;
  readonly wasCancelled: boolean;
  readonly steps: readonly StepFacts[];
}

/** What came of judging. */
export interface Verdict {
  /** One line each. */
  readonly broken: readonly string[];
  readonly doubleCreations: number;
  readonly orphans: number;
  /** Calls with an old token that the array refused: what fencing was for in this run. */
  readonly refused: number;
}

const finals = ['SUCCEEDED', 'ROLLED_BACK', 'CANCELLED', 'FAILED'];

/** Looks at everything once. */
export function judge(entries: readonly LogEntry[], workflows: readonly WorkflowFacts[]): Verdict {
  const broken: string[] = [];
  const report = (message: string): void => void broken.push(message);
  const facts = new Map(workflows.map((workflow) => [workflow.uid, workflow]));
  const array = new ArrayHistory(facts, report);
  for (const entry of entries) array.take(entry);
  let orphans = 0;
  for (const name of array.objects.keys()) {
    if (facts.has(name.split('/')[0] ?? '')) continue;
    orphans += 1;
    report(`${name}: left over by no workflow that there is (12)`);
  }
  for (const workflow of workflows) orphans += checkEnd(workflow, array, report);
  return { broken, orphans, doubleCreations: array.doubleCreations, refused: array.refused };
}

/** Walks through the log; knows at each line what stands on the array. */
class ArrayHistory {
  readonly objects = new Map<string, 'half' | 'whole'>();
  doubleCreations = 0;
  refused = 0;
  readonly #workflows: ReadonlyMap<string, WorkflowFacts>;
  readonly #report: (message: string) => void;
  /** Objects that were made at some time. */
  readonly #made = new Set<string>();
  /** Steps that came to their end on the array. */
  readonly #over = new Set<string>();
  /** Steps of which an undo has begun. */
  readonly #undone = new Set<string>();
  readonly #newest = new Map<string, LogEntry>();

  constructor(workflows: ReadonlyMap<string, WorkflowFacts>, report: (message: string) => void) {
    this.#workflows = workflows;
    this.#report = report;
  }

  take(entry: LogEntry): void {
    if (entry.kind === 'refused') {
      this.refused += 1;
      return;
    }
    const name = objectOf(entry);
    const text = `${entry.workflow}/${entry.step} attempt ${entry.attempt}: ${entry.direction} ${entry.kind}`;
    this.#checkOrder(entry, text);
    if (entry.direction === 'undo') this.#onUndo(entry, name, text);
    else this.#onForward(entry, name, text);
    if (entry.kind === 'create') {
      if (this.#made.has(name)) {
        this.doubleCreations += 1;
        this.#report(`${text}: the object is made twice (12)`);
      }
      this.#made.add(name);
      this.objects.set(name, 'half');
    }
    if (entry.kind === 'complete') this.objects.set(name, 'whole');
    if (entry.kind === 'complete' || entry.kind === 'check') this.#over.add(name);
    if (entry.kind === 'destroy') this.objects.delete(name);
  }

  /** A call that the array accepted must not be older than one that it accepted before. */
  #checkOrder(entry: LogEntry, text: string): void {
    const key = `${objectOf(entry)}/${entry.direction}`;
    const newest = this.#newest.get(key);
    if (newest !== undefined && isOlder(entry.token, newest.token))
      this.#report(`${text}: with an older token after a newer one (13)`);
    if (newest !== undefined && entry.attempt < newest.attempt)
      this.#report(`${text}: after attempt ${newest.attempt} (13)`);
    if (newest === undefined || entry.attempt >= newest.attempt) this.#newest.set(key, entry);
  }

  #onForward(entry: LogEntry, name: string, text: string): void {
    const isEffect = ['create', 'complete', 'check'].includes(entry.kind);
    if (isEffect && this.#undone.has(name)) this.#report(`${text}: after its undo had begun (13)`);
    if (entry.kind !== 'begin') return;
    for (const before of this.#stepOf(entry)?.dependsOn ?? []) {
      if (!this.#over.has(`${entry.uid}/${before}`))
        this.#report(`${text}: before ${before} had taken effect (4)`);
    }
  }

  #onUndo(entry: LogEntry, name: string, text: string): void {
    this.#undone.add(name);
    const dependents = this.#workflows
      .get(entry.uid)
      ?.steps.filter(({ dependsOn }) => dependsOn.includes(entry.step));
    for (const { id } of dependents ?? []) {
      if (this.objects.has(`${entry.uid}/${id}`)) this.#report(`${text}: before ${id} was undone (5)`);
    }
  }

  #stepOf({ uid, step }: LogEntry): StepFacts | undefined {
    return this.#workflows.get(uid)?.steps.find(({ id }) => id === step);
  }
}

/** Compares what the workflow says with what stands; gives how many objects are left over. */
function checkEnd(workflow: WorkflowFacts, array: ArrayHistory, report: (message: string) => void): number {
  const { id, uid, state, expected, wasCancelled, steps } = workflow;
  if (!finals.includes(state)) {
    report(`${id}: has not ended, it is ${state} (7)`);
    return 0;
  }
  const mayEndSo = [expected, ...(wasCancelled ? ['ROLLED_BACK', 'CANCELLED'] : [])];
  if (!mayEndSo.includes(state)) report(`${id}: ended ${state} and not ${mayEndSo.join(' or ')} (9)`);
  let orphans = 0;
  for (const step of steps) {
    const object = array.objects.get(`${uid}/${step.id}`);
    const name = `${id}/${step.id}, ${step.state}, of a workflow ${state}`;
    const mustStand = state !== 'ROLLED_BACK' && step.state === 'SUCCEEDED' && step.makes;
    // A failed step whose workflow keeps what was done may leave a part.
    const mustNot = state === 'ROLLED_BACK' || step.state === 'PENDING';
    if (mustStand && object !== 'whole') report(`${name}: its object is not there (9)`);
    if (mustNot && object !== undefined) {
      orphans += 1;
      report(`${name}: its object is left over (12)`);
    }
  }
  return orphans;
}
