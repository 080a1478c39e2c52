/** docs/states.md, drawn from the tables in src/model and the words of the proto. test/tidy compares it with the file. */
import { readFileSync } from 'node:fs';
import { isFinal, isResting, moves, stateName, type State } from '../../src/model/workflow-state.js';

const proto = readFileSync(new URL('../../proto/steplock/v1/workflow.proto', import.meta.url), 'utf8');

/** What the proto says of each value of an enum, without its prefix. */
function meaningsOf(prefix: string): [name: string, meaning: string][] {
  const pattern = new RegExp(`((?: +//.*\\n)+) +${prefix}_(\\w+) =`, 'g');
  return [...proto.matchAll(pattern)]
    .map(([, comment = '', name = '']): [string, string] => [
      name,
      comment
        .split('\n')
        .map((line) => line.trim().replace(/^\/\/ ?/, ''))
        .join(' ')
        .trim(),
    ])
    .filter(([name]) => name !== 'UNSPECIFIED');
}

/** Moves to DELETING come from every final state, and would hide the rest. */
const drawn = moves.filter(({ to }) => stateName(to) !== 'DELETING');

function kindOf(state: State): string {
  if (isFinal(state)) return 'final';
  return isResting(state) ? 'rests' : '';
}

function workflowTable(): string[] {
  const states = new Map(
    moves.flatMap(({ from, to }) => [from, to]).map((state) => [stateName(state), state]),
  );
  return meaningsOf('WORKFLOW_STATE').map(([name, meaning]) => {
    const state = states.get(name);
    return `| ${name} | ${state === undefined ? '' : kindOf(state)} | ${meaning} |`;
  });
}

/** The whole page. */
export function renderStatesPage(): string {
  return `# States

Made by \`npm run gen\` from [workflow-state.ts](../src/model/workflow-state.ts) and
[workflow.proto](../proto/steplock/v1/workflow.proto); do not edit. What each state allows stands in
[errors.md](errors.md#what-each-state-allows).

## Of a workflow

Every draft and every final state can also go to DELETING, and then the workflow is gone.

\`\`\`mermaid
stateDiagram-v2
  [*] --> DRAFT
${drawn.map(({ from, to }) => `  ${stateName(from)} --> ${stateName(to)}`).join('\n')}
${[...new Set(drawn.map(({ to }) => to).filter(isFinal))].map((state) => `  ${stateName(state)} --> [*]`).join('\n')}
\`\`\`

| state | | meaning |
| --- | --- | --- |
${workflowTable().join('\n')}

| from | to | when |
| --- | --- | --- |
${moves.map(({ from, to, why }) => `| ${stateName(from)} | ${stateName(to)} | ${why} |`).join('\n')}

SubmitWorkflow makes a workflow that is RUNNING or SCHEDULED at once, without a draft.

## Of a step

A step's state is not stored: it is read off its outcome, else its place in the queue, else its workflow. An undo is a
step of the same workflow, \`undo.{step}\`, and has the same states. WAITING is for kinds of steps that are not run yet.

\`\`\`mermaid
stateDiagram-v2
  [*] --> PENDING
  PENDING --> QUEUED: all it waits for has succeeded
  QUEUED --> RUNNING: claimed, the intent recorded
  RUNNING --> SUCCEEDED
  RUNNING --> BACKING_OFF: failed, will be tried again
  BACKING_OFF --> RUNNING: claimed again
  RUNNING --> FAILED: failed for good
  RUNNING --> UNKNOWN: nobody knows; an incident opens
  RUNNING --> CANCELLED: stopped with its workflow
  PENDING --> CANCELLED: its workflow was stopped
  QUEUED --> CANCELLED: its workflow was stopped
  BACKING_OFF --> CANCELLED: its workflow was stopped
  PENDING --> SKIPPED: skip
  QUEUED --> SKIPPED: skip
  FAILED --> SKIPPED: skip
  CANCELLED --> SKIPPED: skip
  UNKNOWN --> SKIPPED: skip
  FAILED --> QUEUED: retry
  UNKNOWN --> QUEUED: retry
  CANCELLED --> QUEUED: retry
\`\`\`

| state | meaning |
| --- | --- |
${meaningsOf('STEP_STATE')
  .map(([name, meaning]) => `| ${name} | ${meaning} |`)
  .join('\n')}

## Incidents

\`incident resolve I --as …\` (ResolveIncident), always with a reason. Who said what, and why, stands in the incident's
\`resolution\` and in the workflow's \`history\` (\`workflow history W\`; the last 50). \`ways_out\` of an incident names what
fits as things stand; what does not is refused with ILLEGAL_TRANSITION, and the message names what does.

| | step UNKNOWN, workflow going forward | step UNKNOWN, in a rollback | undo FAILED or UNKNOWN | step UNKNOWN, workflow ended | orchestrator not told |
| --- | --- | --- | --- | --- | --- |
| retry | the step again: probed, or called with the same key | its undo, if it has a method; not the step | the undo again; not of an irreversible step | – | – (Steplock goes on trying) |
| done | the step succeeded, with the output given; goes on | the step succeeded, and is now undone | – (say undone) | the step succeeded, for the record | – |
| undone | the step failed and left nothing; then as the settings say of failures | nothing is left of the step: its undo is not called | the undo succeeded | the step failed and left nothing, for the record | – |
| skip | the step is left out, and not undone | as it is, what it left stays | the undo is left out, what the step left stays | – | it is not told any more |
| release | – (what it keeps is in use) | of ROLLBACK_BLOCKED: its locks and permits are freed | as to the left | as close | – |
| close | – | – | – | nothing more is done; its permits are freed | once it has ended: as skip, but the workflow cannot be deleted until it was told |

After a release the workflow is still blocked and its incident still open, because what was half undone is still there.
Others may work on it from then on, and a retry runs without the locks: look before you say it. The locks of a child are
its root's: \`lock break\` takes them one by one. A step whose undo is queued or running is not decided until that has ended.
`;
}
