/**
 * The `simulator` controller as a node's controllers file names it:
 *
 *     controllers:
 *       array:
 *         module: simulator
 *         systems:
 *           - id: array-1
 *             pools: [{ pool: gold, total_bytes: 1099511627776 }]
 *             ports: [{ port: a0, protocol: iscsi, address: "192.0.2.1:3260" }]
 *             latency_ms: 20              # what follows is optional; see options.ts
 *             job_ms: 500
 *             operations_max: 4
 *             oversubscription: 2
 *             volumes_max: 1000
 *             state_file: array-1.json
 *             effect_log: array-1.log
 *             faults: [{ method: create-volume, times: 2, at: before, then: fail, reason: SystemBusy }]
 */
import { resolve } from 'node:path';
import { isJsonObject, type ControllerPort, type JsonObject, type JsonValue } from '../../src/controller.js';
import { defineStorageController } from '../../src/storage-controller.js';
import { createSimulatorAdapter } from './adapter.js';
import type { FaultRule, SimulatedPool, SimulatedPort, SimulatedSystem } from './options.js';

/** Makes the controller; see ControllerModule. */
export function createController(
  settings: JsonObject,
  environment: { readonly directory: string },
): ControllerPort {
  return defineStorageController(
    createSimulatorAdapter(parseSimulatorSettings(settings, environment.directory)),
  );
}

/**
 * Reads the settings; relative paths start from the directory of the controllers file.
 *
 * @throws TypeError naming the setting.
 */
export function parseSimulatorSettings(settings: JsonObject, directory: string): SimulatedSystem[] {
  const { systems, ...unknown } = settings;
  refuseStray(unknown, 'the simulator');
  if (!Array.isArray(systems) || systems.length === 0)
    throw new TypeError('systems must be a list, not empty');
  const parsed = systems.map((system, index) => parseSystem(system, `systems[${index}]`, directory));
  const ids = parsed.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw new TypeError('systems must have an id each, none of them twice');
  return parsed;
}

function parseSystem(value: JsonValue, at: string, directory: string): SimulatedSystem {
  if (!isJsonObject(value)) throw new TypeError(`${at} must have id, pools and ports`);
  const { id, pools, ports, oversubscription, volumes_max, latency_ms, job_ms, operations_max, ...more } =
    value;
  const { state_file, effect_log, faults, ...unknown } = more;
  refuseStray(unknown, at);
  const path = (name: string, text: JsonValue | undefined): string | undefined =>
    text === undefined ? undefined : resolve(directory, textOf(text, `${at}.${name}`));
  const optional = {
    oversubscription: numberOf(oversubscription, `${at}.oversubscription`, 0),
    volumesMax: numberOf(volumes_max, `${at}.volumes_max`, 1),
    latencyMs: numberOf(latency_ms, `${at}.latency_ms`, 0),
    jobMs: numberOf(job_ms, `${at}.job_ms`, 0),
    operationsMax: numberOf(operations_max, `${at}.operations_max`, 1),
    stateFile: path('state_file', state_file),
    effectLog: path('effect_log', effect_log),
    faults: faults === undefined ? undefined : listOf(faults, `${at}.faults`).map(parseFault),
  };
  return {
    id: textOf(id, `${at}.id`, /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/),
    pools: listOf(pools, `${at}.pools`).map(parsePool),
    ports: listOf(ports, `${at}.ports`).map(parsePort),
    ...(Object.fromEntries(Object.entries(optional).filter(([, one]) => one !== undefined)) as object),
  };
}

function parsePool({ value, at }: Item): SimulatedPool {
  const { pool, total_bytes, ...unknown } = value;
  refuseStray(unknown, at);
  const totalBytes = numberOf(total_bytes, `${at}.total_bytes`, 1);
  if (totalBytes === undefined) throw new TypeError(`${at}.total_bytes must be given`);
  return { pool: textOf(pool, `${at}.pool`, /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/), totalBytes };
}

function parsePort({ value, at }: Item): SimulatedPort {
  const { port, protocol, address, ...unknown } = value;
  refuseStray(unknown, at);
  return {
    port: textOf(port, `${at}.port`),
    protocol: textOf(protocol, `${at}.protocol`, /^(iscsi|fc|nvme-tcp)$/) as SimulatedPort['protocol'],
    address: textOf(address, `${at}.address`),
  };
}

function parseFault({ value, at }: Item): FaultRule {
  const { method, object, times, at: when, then, reason, retryable, ...unknown } = value;
  refuseStray(unknown, at);
  const count = numberOf(times, `${at}.times`, 1);
  if (retryable !== undefined && typeof retryable !== 'boolean')
    throw new TypeError(`${at}.retryable must be true or false`);
  return {
    method: textOf(method, `${at}.method`),
    at: textOf(when, `${at}.at`, /^(before|after)$/) as FaultRule['at'],
    then: textOf(then, `${at}.then`, /^(fail|lose|hang)$/) as FaultRule['then'],
    ...(object === undefined ? {} : { object: textOf(object, `${at}.object`) }),
    ...(count === undefined ? {} : { times: count }),
    ...(reason === undefined ? {} : { reason: textOf(reason, `${at}.reason`) }),
    ...(retryable === undefined ? {} : { retryable }),
  };
}

interface Item {
  readonly value: JsonObject;
  readonly at: string;
}

function listOf(value: JsonValue | undefined, at: string): Item[] {
  if (!Array.isArray(value) || value.length === 0) throw new TypeError(`${at} must be a list, not empty`);
  return value.map((item, index) => {
    if (!isJsonObject(item)) throw new TypeError(`${at}[${index}] must be an object`);
    return { value: item, at: `${at}[${index}]` };
  });
}

function textOf(value: JsonValue | undefined, at: string, pattern = /./): string {
  if (typeof value !== 'string' || !pattern.test(value))
    throw new TypeError(`${at} must match ${pattern.source}`);
  return value;
}

function numberOf(value: JsonValue | undefined, at: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least) {
    throw new TypeError(`${at} must be a number from ${least}`);
  }
  return value;
}

function refuseStray(rest: JsonObject, at: string): void {
  const [stray] = Object.keys(rest);
  if (stray !== undefined) throw new TypeError(`"${stray}" is no setting of ${at}`);
}
