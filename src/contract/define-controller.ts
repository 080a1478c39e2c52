/** Makes of an author's definition the port that the engine calls. */
import { idPattern, idRule } from '../base/ids.js';
import { SteplockError } from '../errors/index.js';
import {
  defaultRetryPolicy,
  defaultTimeoutMs,
  type ControllerDefinition,
  type ControllerPort,
  type MethodDefinition,
  type MethodDescription,
} from './contract.js';
import type { Typed, TypesOfEach } from './typed.js';

/**
 * Makes a controller of its definition.
 *
 * @throws TypeError when the definition breaks a rule: a method's name, or an undo that names no method.
 */
export function defineController<Methods extends Readonly<Record<string, MethodDefinition>>>(
  definition: ControllerDefinition<Methods & UndoneByOwn<Methods>>,
): ControllerPort & Typed<TypesOfEach<Methods>> {
  return createPort(definition) as ControllerPort & Typed<TypesOfEach<Methods>>;
}

/** Refuses an undo that is no method of the controller, where the types say which method it is. */
type UndoneByOwn<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends { readonly undo: { readonly method: infer Undo } }
    ? string extends Undo
      ? unknown
      : Undo extends keyof Methods
        ? unknown
        : { readonly undo: { readonly method: keyof Methods } }
    : unknown;
};

function createPort(definition: ControllerDefinition): ControllerPort {
  const methods = new Map(Object.entries(definition.methods));
  for (const [name, method] of methods) checkMethod(name, method, methods);
  const find = (name: string): MethodDefinition => {
    const method = methods.get(name);
    if (method === undefined) throw unsupported(definition.kind, name);
    return method;
  };
  return {
    description: {
      kind: definition.kind,
      version: definition.version,
      description: definition.description,
      methods: [...methods].map(([name, method]) => describeMethod(name, method)),
    },
    execute: async (context, method, args) => await find(method).execute(context, args),
    poll: async (context, method, task, args) => {
      const { poll } = find(method);
      if (poll === undefined) throw unsupported(definition.kind, `${method}: poll`);
      return await poll(context, task, args);
    },
    probe: async (context, method, args) => {
      const { probe } = find(method);
      if (probe === undefined) throw unsupported(definition.kind, `${method}: probe`);
      return await probe(context, args);
    },
    cancel: async (context, method, task) => {
      await find(method).cancel?.(context, task);
    },
  };
}

function describeMethod(name: string, method: MethodDefinition): MethodDescription {
  return {
    name,
    description: method.description,
    argumentsSchema: method.argumentsSchema,
    outputSchema: method.outputSchema,
    undo: method.undo,
    limitClass: method.limitClass ?? name,
    timeoutMs: method.timeoutMs ?? defaultTimeoutMs,
    retry: { ...defaultRetryPolicy, ...method.retry },
    canProbe: method.probe !== undefined,
    idempotent: method.idempotent ?? false,
  };
}

function checkMethod(name: string, method: MethodDefinition, all: ReadonlyMap<string, unknown>): void {
  if (!idPattern.test(name)) throw new TypeError(`Method name ${name} ${idRule}`);
  if (typeof method.undo === 'object' && !all.has(method.undo.method)) {
    throw new TypeError(`Method ${name} is undone by ${method.undo.method}, which the controller lacks`);
  }
}

function unsupported(kind: string, capability: string): SteplockError {
  return new SteplockError('CAPABILITY_UNSUPPORTED', `Controller ${kind} has no ${capability}`, {
    metadata: { capability },
  });
}
