/** `steplock explain`: what everything that does not move waits for. */
import type { Command } from 'commander';
import { ExplainWorkflowResponse, WaitKind, type Wait } from '../gen/wire/steplock/v1/workflow_service.js';
import {
  stepNameOf,
  withClient,
  withClientOptions,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { formatSpan, printResult } from './output.js';

/** Adds the command. */
export function addExplainCommand(program: Command, context: CliContext): void {
  withClientOptions(program.command('explain <workflow[/step]>'))
    .description('say what a workflow or step waits for, who holds that, and which command moves it')
    .addHelpText('after', '\nExamples:\n  steplock explain wf-1\n  steplock explain wf-1/format -o json\n')
    .action(async (subject: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const isStep = subject.replace(/^workflows\//, '').includes('/');
        const name = isStep ? stepNameOf(subject) : workflowNameOf(subject);
        const response = await client.workflows.explainWorkflow({ name });
        const body = response.waits.map((wait) => rowOf(wait, context.nowMs()));
        printResult(context.terminal, options.output, ExplainWorkflowResponse.toJSON(response), {
          head: ['WHAT', 'WAITS FOR', '', 'SINCE', 'COMMANDS'],
          body: body.length > 0 ? body : [[subject, 'nothing', 'it has ended', '', '']],
        });
      });
    });
}

const kindNames = new Map<WaitKind, string>(
  Object.entries(WaitKind).flatMap(([name, value]) =>
    typeof value === 'number' ? [[value, name.toLowerCase()]] : [],
  ),
);

function rowOf({ subject, kind, text, since, until, commands }: Wait, nowMs: number): string[] {
  const when = until === undefined ? '' : `, until ${until.toISOString()}`;
  return [
    subject.replace(/^workflows\//, '').replace('/steps/', '/'),
    kindNames.get(kind) ?? '',
    `${text}${when}`,
    since === undefined ? '' : formatSpan(since, undefined, nowMs),
    commands.join('\n'),
  ];
}
