/** Names of controllers and orchestrators with the types of what they offer. */
import type { JsonObject } from '../base/json.js';
import type { TypesOf } from '../contract/index.js';

declare const typesOfAll: unique symbol;

/** A method of a registered controller; `Methods` are the types of all of them, its undo among them. */
export interface MethodRef<Methods, Name extends keyof Methods> {
  readonly [typesOfAll]: Methods;
  /** The name that it is registered by. */
  readonly controller: string;
  readonly method: Name;
}

/** An operation of a registered orchestrator. */
export interface OperationRef<Types> {
  readonly [typesOfAll]: Types;
  /** The name that it is registered by. */
  readonly orchestrator: string;
  readonly operation: string;
}

/** What a method or operation takes. */
export type ArgsOf<Types> = Types extends { readonly args: infer Args } ? Args : never;
/** What it returns. */
export type OutputOf<Types> = Types extends { readonly output: infer Output } ? Output : never;

type Named<Methods> = keyof Methods & string;

/**
 * The controller that is registered by that name, as a function from a method's name to the method. `T` is the type of
 * the controller (`controller<typeof image>('image')`), or a map of {@link MethodTypes} for one in another language.
 */
export function controller<T>(
  name: string,
): <Name extends Named<TypesOf<T>>>(method: Name) => MethodRef<TypesOf<T>, Name> {
  return (method) => ({ controller: name, method }) as never;
}

/** The orchestrator that is registered by that name, as a function from an operation's name to the operation. */
export function orchestrator<T>(
  name: string,
): <Name extends Named<TypesOf<T>>>(operation: Name) => OperationRef<TypesOf<T>[Name]> {
  return (operation) => ({ orchestrator: name, operation }) as never;
}

/** The methods of the controller `basic`, which every node has. */
export type BasicMethods = {
  /** Returns its arguments. */
  readonly echo: { readonly args: JsonObject; readonly output: JsonObject };
  /** Waits for so many milliseconds, at most an hour. */
  readonly wait: { readonly args: { ms: number }; readonly output: JsonObject };
  /** Fails for good. */
  readonly fail: { readonly args: { message?: string }; readonly output: JsonObject };
};

/** The controller `basic`: steps that touch no system. */
export const basic = controller<BasicMethods>('basic');
