/**
 * Loads the controllers of a node's own process from a file:
 *
 *     controllers:
 *       linux:                # the controller's name
 *         module: linux       # one that comes with Steplock, or the path of a module, relative to the file
 *         …                   # what the module itself wants
 *
 * A module exports `createController(settings, environment)`.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { idPattern, idRule } from '../base/ids.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import type { ControllerPort } from '../contract/contract.js';
import { errorText } from '../errors/index.js';

/** What a module exports. */
export interface ControllerModule {
  /** Makes the controller; throws when its settings are wrong, naming which. */
  createController(
    settings: JsonObject,
    environment: ControllerEnvironment,
  ): ControllerPort | Promise<ControllerPort>;
}

/** What a module's controller finds around it. */
export interface ControllerEnvironment {
  /** The directory that relative paths in its settings start from. */
  readonly directory: string;
}

/** A controllers file that cannot be used. */
export class ControllersFileError extends Error {
  override readonly name = 'ControllersFileError';
}

const builtin: Readonly<Record<string, URL>> = {
  linux: new URL('../../plugins/linux/plugin.js', import.meta.url),
  simulator: new URL('../../plugins/simulator/plugin.js', import.meta.url),
};

/**
 * Loads them all.
 *
 * @throws ControllersFileError naming the place.
 */
export async function loadControllers(file: string): Promise<Map<string, ControllerPort>> {
  const path = resolve(file);
  const entries = readEntries(
    path,
    await readFile(path, 'utf8').catch((error: unknown) => refuse(path, error)),
  );
  const controllers = new Map<string, ControllerPort>();
  for (const [name, settings] of entries) {
    try {
      controllers.set(name, await loadOne(settings, dirname(path)));
    } catch (error) {
      refuse(`${path}: controllers.${name}`, error);
    }
  }
  return controllers;
}

function readEntries(path: string, text: string): [string, JsonObject][] {
  let content: JsonValue;
  try {
    content = parse(text) as JsonValue;
  } catch (error) {
    return refuse(path, error);
  }
  const controllers = isJsonObject(content) ? content['controllers'] : undefined;
  if (!isJsonObject(controllers)) return refuse(path, new Error('must have "controllers", each by its name'));
  return Object.entries(controllers).map(([name, settings]) => {
    if (!idPattern.test(name)) refuse(`${path}: controllers.${name}`, new Error(idRule));
    if (!isJsonObject(settings))
      return refuse(`${path}: controllers.${name}`, new Error('must have "module"'));
    return [name, settings];
  });
}

async function loadOne(settings: JsonObject, directory: string): Promise<ControllerPort> {
  const { module: name, ...own } = settings;
  if (typeof name !== 'string') throw new Error('must have "module"');
  const url = builtin[name] ?? pathToFileURL(resolve(directory, name));
  const module = (await import(url.href)) as Partial<ControllerModule>;
  if (typeof module.createController !== 'function') throw new Error(`${name} exports no createController()`);
  return await module.createController(own, { directory });
}

function refuse(place: string, error: unknown): never {
  throw new ControllersFileError(`${place}: ${errorText(error)}`, { cause: error });
}
