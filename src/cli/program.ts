/** The command line: its commands, and how each kind of error ends it. */
import { Command, CommanderError } from 'commander';
import { AssertionError } from '../base/assert.js';
import { InvalidSettingError } from '../config/settings.js';
import { ControllersFileError } from '../controllers/load-controllers.js';
import { SamplesError } from '../conformance/samples.js';
import { errorText, SteplockError } from '../errors/index.js';
import { version } from '../version.js';
import { addAgentCommand } from './agent-command.js';
import { addStepCommands } from './step-commands.js';
import { addClusterCommands } from './cluster-commands.js';
import { addAdmissionCommands } from './admission-commands.js';
import { addExplainCommand } from './explain-command.js';
import { addInventoryCommands } from './inventory-commands.js';
import { addLockCommands } from './lock-commands.js';
import { addNodeCommands } from './node-commands.js';
import { UsageError, type CliContext } from './context.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { printableLines } from './output.js';
import { PlanFileError } from './plan-file.js';
import { addServerCommands } from './server-commands.js';
import { addVolumeCommands } from './volume-commands.js';
import { addWorkflowCommands } from './workflow-commands.js';

/** Runs the command line; never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<void> {
  const program = createProgram(context);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const { code, message } = explain(error);
    if (message !== '') context.terminal.err(`steplock: ${printableLines(message)}\n`);
    context.setExitCode(code);
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command('steplock')
    .description('A distributed workflow manager for provisioning storage')
    .version(version)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what there is)')
    .configureOutput({
      writeOut: (text) => {
        context.terminal.out(text);
      },
      writeErr: (text) => {
        context.terminal.err(printableLines(text));
      },
    })
    .exitOverride();
  addServerCommands(program, context);
  addAgentCommand(program, context);
  addWorkflowCommands(program, context);
  addStepCommands(
    program.command('step').description('look at steps, retry, skip and approve them'),
    context,
  );
  addExplainCommand(program, context);
  addClusterCommands(program, context);
  addNodeCommands(program, context);
  addLockCommands(program, context);
  addAdmissionCommands(program, context);
  addInventoryCommands(program, context);
  addVolumeCommands(program, context);
  inheritSettings(program);
  return program;
}

/** commander copies settings to subcommands only when they are made, not when their parent is set up. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}

function explain(error: unknown): { code: number; message: string } {
  if (error instanceof CommanderError) {
    // commander has written its own message, or the help that was asked for.
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, message: '' };
  }
  const isUsage =
    error instanceof UsageError ||
    error instanceof InvalidSettingError ||
    error instanceof PlanFileError ||
    error instanceof SamplesError ||
    error instanceof ControllersFileError;
  if (isUsage) return { code: exitCodes.usage, message: error.message };
  if (error instanceof SteplockError) {
    return { code: exitCodeOf(error.code), message: `${error.reason}: ${error.message}` };
  }
  if (error instanceof AssertionError)
    return { code: exitCodes.defect, message: error.stack ?? error.message };
  return { code: exitCodes.failed, message: errorText(error) };
}
