/** Descriptions of controllers between the wire and the contract, checked on the way in. */
import { durationToMs, msToDuration } from '../base/duration.js';
import { idPattern, idRule } from '../base/ids.js';
import { isJsonObject, type JsonObject } from '../base/json.js';
import {
  defaultRetryPolicy,
  defaultTimeoutMs,
  type ControllerDescription,
  type MethodDescription,
  type RetryPolicy,
  type UndoDeclaration,
} from '../contract/contract.js';
import { invalidField } from '../errors/index.js';
import type {
  DescribeResponse,
  MethodDescription as WireMethod,
} from '../gen/wire/steplock/v1/controller_service.js';
import type { RetryPolicy as WireRetry } from '../gen/wire/steplock/v1/plan.js';
import { limits } from '../model/limits.js';
import type { SchemaChecker } from '../model/schema.js';

/**
 * What a remote controller says of itself.
 *
 * @throws SteplockError INVALID_FIELD naming the method and the rule that it breaks.
 */
export function parseDescription(response: DescribeResponse, checker: SchemaChecker): ControllerDescription {
  if (response.methods.length > limits.methodsMax) {
    throw invalidField('methods', `must be at most ${limits.methodsMax}`);
  }
  const names = new Set<string>();
  const methods = response.methods.map((method, index) => {
    const at = `methods[${index}]`;
    if (!idPattern.test(method.name)) throw invalidField(`${at}.name`, idRule);
    if (names.has(method.name)) throw invalidField(`${at}.name`, `"${method.name}" is there twice`);
    names.add(method.name);
    return parseMethod(method, `${at} (${method.name})`, checker);
  });
  for (const method of methods) {
    if (typeof method.undo === 'object' && !names.has(method.undo.method)) {
      throw invalidField(
        `method ${method.name}`,
        `is undone by "${method.undo.method}", which the controller lacks`,
      );
    }
  }
  const { kind, version, description } = response;
  return { kind, version, description, methods };
}

function parseMethod(method: WireMethod, at: string, checker: SchemaChecker): MethodDescription {
  const timeoutMs =
    method.defaultTimeout === undefined ? defaultTimeoutMs : durationToMs(method.defaultTimeout);
  if (!(timeoutMs >= limits.timeoutMsMin && timeoutMs <= limits.timeoutMsMax)) {
    throw invalidField(`${at}.default_timeout`, 'must be 1 s to 7 days');
  }
  return {
    name: method.name,
    description: method.description,
    argumentsSchema: parseSchema(method.argumentsSchema === '' ? '{}' : method.argumentsSchema, at, checker),
    outputSchema: method.outputSchema === '' ? undefined : parseSchema(method.outputSchema, at, checker),
    undo: parseUndo(method),
    limitClass: method.limitClass === '' ? method.name : method.limitClass,
    timeoutMs,
    retry: parseRetry(method.defaultRetry, at),
    canProbe: method.canProbe,
    idempotent: method.idempotent,
  };
}

function parseSchema(text: string, at: string, checker: SchemaChecker): JsonObject {
  if (text.length > limits.schemaBytesMax) throw invalidField(`${at} schema`, 'must have at most 64 KiB');
  const problem = checker.problemOf(text);
  if (problem !== undefined) throw invalidField(`${at} schema`, `is no JSON Schema: ${problem}`);
  const schema: unknown = JSON.parse(text);
  if (!isJsonObject(schema)) throw invalidField(`${at} schema`, 'must be a JSON object');
  return schema;
}

function parseUndo({ undo }: WireMethod): UndoDeclaration | undefined {
  switch (undo?.$case) {
    case 'undoMethod': {
      const { name, arguments: args } = undo.value;
      return args === undefined ? { method: name } : { method: name, arguments: args };
    }
    case 'noneNeeded':
      return 'none-needed';
    case 'irreversible':
      return 'irreversible';
    case undefined:
      return undefined;
  }
}

function parseRetry(retry: WireRetry | undefined, at: string): RetryPolicy {
  if (retry === undefined) return defaultRetryPolicy;
  const { maxAttempts, initialBackoff, maxBackoff, multiplier } = retry;
  if (maxAttempts > limits.attemptsMax) {
    throw invalidField(`${at}.default_retry.max_attempts`, `must be at most ${limits.attemptsMax}`);
  }
  if (multiplier !== 0 && !(multiplier >= 1 && multiplier <= 10)) {
    throw invalidField(`${at}.default_retry.multiplier`, 'must be 1 to 10');
  }
  const { maxAttempts: attempts, initialBackoffMs, maxBackoffMs, multiplier: factor } = defaultRetryPolicy;
  return {
    maxAttempts: maxAttempts === 0 ? attempts : maxAttempts,
    initialBackoffMs: initialBackoff === undefined ? initialBackoffMs : durationToMs(initialBackoff),
    maxBackoffMs: maxBackoff === undefined ? maxBackoffMs : durationToMs(maxBackoff),
    multiplier: multiplier === 0 ? factor : multiplier,
  };
}

/** A description as it goes over the wire. */
export function toWireDescription(description: ControllerDescription): DescribeResponse {
  const { kind, version, description: text, methods } = description;
  return { kind, version, description: text, methods: methods.map(toWireMethod) };
}

function toWireMethod(method: MethodDescription): WireMethod {
  const { name, description, limitClass, canProbe, idempotent, outputSchema, retry } = method;
  return {
    name,
    description,
    argumentsSchema: JSON.stringify(method.argumentsSchema),
    outputSchema: outputSchema === undefined ? '' : JSON.stringify(outputSchema),
    undo: toWireUndo(method.undo),
    limitClass,
    defaultTimeout: msToDuration(method.timeoutMs),
    defaultRetry: {
      maxAttempts: retry.maxAttempts,
      initialBackoff: msToDuration(retry.initialBackoffMs),
      maxBackoff: msToDuration(retry.maxBackoffMs),
      multiplier: retry.multiplier,
    },
    canProbe,
    idempotent,
  };
}

function toWireUndo(undo: UndoDeclaration | undefined): WireMethod['undo'] {
  if (undo === undefined) return undefined;
  if (undo === 'none-needed') return { $case: 'noneNeeded', value: {} };
  if (undo === 'irreversible') return { $case: 'irreversible', value: {} };
  return { $case: 'undoMethod', value: { name: undo.method, arguments: undo.arguments } };
}
