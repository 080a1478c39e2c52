/**
 * The controllers that a node knows: those in its own process, and the remote ones registered in the store, which it
 * connects to when it first needs them.
 */
import type { ControllerDescription, ControllerPort } from '../contract/contract.js';
import type { ControllerDirectory } from '../dispatcher/ports.js';
import { errorText } from '../errors/index.js';
import { ControllerRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { DescribeResponse } from '../gen/wire/steplock/v1/controller_service.js';
import type { Logger } from '../log/log.js';
import type { SchemaChecker } from '../model/schema.js';
import type { StoreCache } from '../store/cache.js';
import { keys, prefixes } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import { parseDescription } from '../remote/description-codec.js';

/** A controller behind the network, as it is called. */
export interface RemotePort extends ControllerPort {
  /** Lets go of the connection. */
  close(): void;
}

/** Makes the port of a remote controller. */
export type ConnectController = (endpoint: string, description: ControllerDescription) => RemotePort;

/** A controller as this node knows it. */
export interface KnownController {
  readonly id: string;
  /** host:port; empty for one in this process. */
  readonly endpoint: string;
  readonly description: ControllerDescription;
}

/** What a registry needs. */
export interface RegistryOptions {
  readonly locals: ReadonlyMap<string, ControllerPort>;
  readonly connect: ConnectController;
  readonly checker: SchemaChecker;
  readonly log: Logger;
}

interface Remote {
  readonly known: KnownController;
  port: RemotePort | undefined;
}

/** See the head of this file. */
export class ControllerRegistry implements ControllerDirectory {
  readonly #options: RegistryOptions;
  readonly #remotes = new Map<string, Remote>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Follows what is registered in the store. */
  follow(cache: StoreCache): void {
    for (const kv of cache.entries(prefixes.controller)) this.#onRecord(kv.key, kv.value);
    this.#unsubscribe = cache.subscribe(({ key, kv }) => {
      if (key.startsWith(prefixes.controller)) this.#onRecord(key, kv?.value);
    });
  }

  find(name: string): ControllerPort | undefined {
    const local = this.#options.locals.get(name);
    if (local !== undefined) return local;
    const remote = this.#remotes.get(name);
    if (remote === undefined) return undefined;
    remote.port ??= this.#options.connect(remote.known.endpoint, remote.known.description);
    return remote.port;
  }

  /** What the controller says of itself, or undefined if none of that name is known. */
  describe(name: string): ControllerDescription | undefined {
    return this.#options.locals.get(name)?.description ?? this.#remotes.get(name)?.known.description;
  }

  /** All of them, by name. */
  list(): KnownController[] {
    const locals = [...this.#options.locals].map(([id, { description }]) => ({
      id,
      endpoint: '',
      description,
    }));
    const remotes = [...this.#remotes.values()].map(({ known }) => known);
    return [...locals, ...remotes].sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Whether a controller of that name is in this process. */
  isLocal(name: string): boolean {
    return this.#options.locals.has(name);
  }

  /** Lets go of all connections. */
  close(): void {
    this.#unsubscribe?.();
    for (const { port } of this.#remotes.values()) port?.close();
    this.#remotes.clear();
  }

  #onRecord(key: string, value: Uint8Array | undefined): void {
    const id = key.slice(prefixes.controller.length);
    const former = this.#remotes.get(id);
    this.#remotes.delete(id);
    former?.port?.close();
    if (value === undefined) return;
    try {
      const record = decodeRecord(ControllerRecord, { key: keys.controller(id), value });
      const description = parseDescription(
        DescribeResponse.decode(record.description),
        this.#options.checker,
      );
      this.#remotes.set(id, { known: { id, endpoint: record.endpoint, description }, port: undefined });
    } catch (error) {
      this.#options.log.error(
        { controller: id, cause: errorText(error) },
        'controller record cannot be read',
      );
    }
  }
}
