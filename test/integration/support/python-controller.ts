/** The controller of examples/python-controller in a process of its own, as its README starts it. */
import { fileURLToPath } from 'node:url';
import { ensurePython } from '../../../scripts/python.mjs';
import { startProcess, type RunningProcess } from './processes.js';

const script = fileURLToPath(new URL('../../../examples/python-controller/controller.py', import.meta.url));

/** How to serve. */
export interface PythonOptions {
  readonly dataDir: string;
  /** @default any free port of the loopback */
  readonly listen?: string;
  /** Bytes a second at most that a call writes. */
  readonly writeRate?: number;
}

/** Starts it. */
export function launchPythonController({
  dataDir,
  listen = '127.0.0.1:0',
  writeRate,
}: PythonOptions): RunningProcess {
  const { python, generated } = ensurePython();
  const args = ['--data-dir', dataDir, '--listen', listen];
  if (writeRate !== undefined) args.push('--write-rate', String(writeRate));
  return startProcess(python, [script, ...args], '', { PYTHONPATH: generated });
}

/** Starts it, and waits until it serves. */
export async function startPythonController(
  options: PythonOptions,
): Promise<RunningProcess & { readonly endpoint: string }> {
  const controller = launchPythonController(options);
  const [, endpoint = ''] = await controller.says(/^serves at (\S+)$/m);
  return { ...controller, endpoint };
}
