/**
 * The controllers and orchestrators that a node knows: those in its own process, and the remote ones registered in the store, which it
 * connects to when it first needs them.
 */
import type { ControllerDescription, ControllerPort } from '../contract/contract.js';
import type { OrchestratorPort } from '../contract/orchestrator.js';
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

/** An orchestrator behind the network, as it is asked. */
export interface RemotePlanner extends OrchestratorPort {
  /** Lets go of the connection. */
  close(): void;
}

/** Makes the port of what is remote. */
export type Connect<Port> = (endpoint: string, description: ControllerDescription) => Port;

/** A controller as this node knows it. */
export interface KnownController {
  readonly id: string;
  /** host:port; empty for one in this process. */
  readonly endpoint: string;
  readonly description: ControllerDescription;
  readonly isOrchestrator: boolean;
}

/** What a registry needs. */
export interface RegistryOptions {
  readonly locals: ReadonlyMap<string, ControllerPort>;
  readonly orchestrators: ReadonlyMap<string, OrchestratorPort>;
  readonly connect: Connect<RemotePort>;
  readonly connectOrchestrator: Connect<RemotePlanner>;
  readonly checker: SchemaChecker;
  readonly log: Logger;
}

interface Remote {
  readonly known: KnownController;
  controller: RemotePort | undefined;
  orchestrator: RemotePlanner | undefined;
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
    if (remote === undefined || remote.known.isOrchestrator) return undefined;
    remote.controller ??= this.#options.connect(remote.known.endpoint, remote.known.description);
    return remote.controller;
  }

  findOrchestrator(name: string): OrchestratorPort | undefined {
    const local = this.#options.orchestrators.get(name);
    if (local !== undefined) return local;
    const remote = this.#remotes.get(name);
    if (remote?.known.isOrchestrator !== true) return undefined;
    remote.orchestrator ??= this.#options.connectOrchestrator(
      remote.known.endpoint,
      remote.known.description,
    );
    return remote.orchestrator;
  }

  /** What the controller says of itself, or undefined if none of that name is known. */
  describe(name: string): ControllerDescription | undefined {
    return this.#options.locals.get(name)?.description ?? this.#describeRemote(name, false);
  }

  /** What the orchestrator says of itself, or undefined if none of that name is known. */
  describeOrchestrator(name: string): ControllerDescription | undefined {
    return this.#options.orchestrators.get(name)?.description ?? this.#describeRemote(name, true);
  }

  #describeRemote(name: string, isOrchestrator: boolean): ControllerDescription | undefined {
    const known = this.#remotes.get(name)?.known;
    return known?.isOrchestrator === isOrchestrator ? known.description : undefined;
  }

  /** All of them, by name. */
  list(): KnownController[] {
    const { locals, orchestrators } = this.#options;
    const local =
      (isOrchestrator: boolean) => (entry: readonly [string, { description: ControllerDescription }]) => ({
        id: entry[0],
        endpoint: '',
        description: entry[1].description,
        isOrchestrator,
      });
    const remotes = [...this.#remotes.values()].map(({ known }) => known);
    return [...[...locals].map(local(false)), ...[...orchestrators].map(local(true)), ...remotes].sort(
      (left, right) => (left.id < right.id ? -1 : 1),
    );
  }

  /** Whether a controller or orchestrator of that name is in this process. */
  isLocal(name: string): boolean {
    return this.#options.locals.has(name) || this.#options.orchestrators.has(name);
  }

  /** Lets go of all connections. */
  close(): void {
    this.#unsubscribe?.();
    for (const remote of this.#remotes.values()) disconnect(remote);
    this.#remotes.clear();
  }

  #onRecord(key: string, value: Uint8Array | undefined): void {
    const id = key.slice(prefixes.controller.length);
    const former = this.#remotes.get(id);
    this.#remotes.delete(id);
    if (former !== undefined) disconnect(former);
    if (value === undefined) return;
    try {
      const record = decodeRecord(ControllerRecord, { key: keys.controller(id), value });
      const description = parseDescription(
        DescribeResponse.decode(record.description),
        this.#options.checker,
      );
      const known = { id, endpoint: record.endpoint, description, isOrchestrator: record.orchestrator };
      this.#remotes.set(id, { known, controller: undefined, orchestrator: undefined });
    } catch (error) {
      this.#options.log.error(
        { controller: id, cause: errorText(error) },
        'controller record cannot be read',
      );
    }
  }
}

function disconnect({ controller, orchestrator }: Remote): void {
  controller?.close();
  orchestrator?.close();
}
