/** `steplock limit …` and `steplock hold …`. */
import { Argument, type Command } from 'commander';
import {
  HoldKind,
  ListHoldsResponse,
  ListLimitsResponse,
  type PlaceHoldRequest,
} from '../gen/wire/steplock/v1/admission_service.js';
import {
  newRequestId,
  UsageError,
  withClient,
  withClientOptions,
  withReason,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { formatSpan, printResult } from './output.js';

const kinds: Readonly<Record<string, HoldKind>> = {
  system: HoldKind.SYSTEM,
  controller: HoldKind.CONTROLLER,
  cluster: HoldKind.CLUSTER,
};
const kindArgument = (): Argument => new Argument('<kind>', 'of what').choices(Object.keys(kinds));

/** Adds the commands. */
export function addAdmissionCommands(program: Command, context: CliContext): void {
  addLimitCommands(
    program.command('limit').description('how many steps may work on a system at once'),
    context,
  );
  const hold = program.command('hold').description('keep new steps from starting');
  withClientOptions(hold.command('list'))
    .description('list what is held')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.admission.listHolds({});
        const body = response.holds.map((item) => [
          Object.keys(kinds).find((name) => kinds[name] === item.kind) ?? '',
          item.name,
          item.actor,
          item.reason,
          formatSpan(item.since, undefined, context.nowMs()),
        ]);
        const head = ['KIND', 'NAME', 'BY', 'REASON', 'SINCE'];
        printResult(context.terminal, options.output, ListHoldsResponse.toJSON(response), { head, body });
      });
    });
  withReason(withClientOptions(hold.command('place').addArgument(kindArgument()).argument('[name]')), true)
    .description('hold a system, a controller or the cluster; what runs goes on')
    .action(async (kind: string, name: string | undefined, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        await client.admission.placeHold(targetOf(kind, name, options));
      });
    });
  withReason(withClientOptions(hold.command('release').addArgument(kindArgument()).argument('[name]')), true)
    .description('let it start again, over the next seconds and not all at once')
    .action(async (kind: string, name: string | undefined, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        await client.admission.releaseHold(targetOf(kind, name, options));
      });
    });
}

function addLimitCommands(limit: Command, context: CliContext): void {
  withClientOptions(limit.command('list'))
    .description('list limits, and how much of each is in use')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.admission.listLimits({});
        const body = response.limits.map((item) => [
          item.system,
          item.limitClass === '' ? 'all' : item.limitClass,
          String(item.max),
          String(item.inUse),
        ]);
        const head = ['SYSTEM', 'CLASS', 'MAX', 'IN USE'];
        printResult(context.terminal, options.output, ListLimitsResponse.toJSON(response), { head, body });
      });
    });
  withClientOptions(limit.command('set <system> <max>'))
    .description('set a limit; 0 removes it')
    .option('--class <name>', 'only methods of this limit class', '')
    .action(async (system: string, max: string, options: ClientOptions & { readonly class: string }) => {
      const value = Number(max);
      if (!Number.isSafeInteger(value) || value < 0) throw new UsageError('<max> must be a whole number');
      await withClient(options, async (client) => {
        await client.admission.setLimit({
          requestId: newRequestId(),
          system,
          limitClass: options.class,
          max: value,
        });
      });
    });
}

function targetOf(
  kind: string,
  name: string | undefined,
  { actor, reason }: ReasonOptions,
): PlaceHoldRequest {
  const requestId = newRequestId();
  return { kind: kinds[kind] ?? HoldKind.UNSPECIFIED, name: name ?? '', actor, reason, requestId };
}
