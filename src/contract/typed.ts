/** Types that a controller or an orchestrator carries along, for those who call it: nothing of it is there at run time. */
import type { JsonObject } from '../base/json.js';
import type {
  CallContext,
  ExecuteResult,
  MethodDefinition,
  PollResult,
  ProbeResult,
  UndoDeclaration,
} from './contract.js';
import type { ObjectOf, Schema } from './schema-types.js';

/** What a method takes and returns. */
export interface MethodTypes {
  readonly args: object;
  readonly output: object;
}

/** The types of all methods of a controller, or of all operations of an orchestrator, by name. */
export type MethodTypesByName = Readonly<Record<string, MethodTypes>>;

declare const types: unique symbol;

/** Carries the types `T`. */
export interface Typed<T> {
  readonly [types]: T;
}

/** What a controller, a method or a map of {@link MethodTypes} says of types. */
export type TypesOf<T> = T extends Typed<infer Types> ? Types : T;

/** Of each member of a definition; a method that was not made by {@link method} takes and returns any JSON object. */
export type TypesOfEach<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends Typed<infer Types extends MethodTypes>
    ? Types
    : { readonly args: JsonObject; readonly output: JsonObject };
};

/** A method as its author writes it, with the types of its schemas. */
export interface TypedMethodDefinition<
  Args extends Schema,
  Output extends Schema,
  Undo extends UndoDeclaration,
> extends Omit<MethodDefinition, 'argumentsSchema' | 'outputSchema' | 'undo' | 'execute' | 'poll' | 'probe'> {
  readonly argumentsSchema: Args;
  readonly outputSchema?: Output;
  readonly undo: Undo;
  readonly execute: (context: CallContext, args: ObjectOf<Args>) => Promise<ExecuteResult<ObjectOf<Output>>>;
  readonly poll?: (
    context: CallContext,
    task: string,
    args: ObjectOf<Args>,
  ) => Promise<PollResult<ObjectOf<Output>>>;
  readonly probe?: (context: CallContext, args: ObjectOf<Args>) => Promise<ProbeResult<ObjectOf<Output>>>;
}

/** A method with the types that its schemas say: `execute` gets its arguments typed, and its output has to fit. */
export function method<
  const Args extends Schema,
  const Output extends Schema = Schema,
  const Undo extends UndoDeclaration = UndoDeclaration,
>(
  definition: TypedMethodDefinition<Args, Output, Undo>,
): MethodDefinition & Typed<{ args: ObjectOf<Args>; output: ObjectOf<Output> }> & { readonly undo: Undo } {
  // The engine has checked both against the schemas before and after each call.
  return definition as never;
}
