/**
 * The `linux` controller as a node's controllers file names it:
 *
 *     controllers:
 *       linux:
 *         module: linux
 *         systems:
 *           - id: rack-a
 *             root_dir: /srv/rack-a
 *             tgtd: { control_port: 0, portal: "10.0.0.5:3260" }
 *             iqn_prefix: iqn.2026-11.com.example:rack-a
 *             chap_key_file: /etc/steplock/rack-a.key    # optional
 *             oversubscription: 2                        # optional
 */
import { resolve } from 'node:path';
import { isJsonObject, type ControllerPort, type JsonObject, type JsonValue } from '../../src/controller.js';
import { createLinuxController } from './controller.js';
import type { LinuxSystem } from './options.js';

/** What a controllers file may say of the controller, beside `module`. */
export interface LinuxPluginSettings {
  readonly systems: readonly LinuxSystem[];
}

/**
 * Reads the settings; relative paths start from the directory of the controllers file.
 *
 * @throws TypeError naming the setting.
 */
export function parseLinuxSettings(settings: JsonObject, directory: string): LinuxPluginSettings {
  const { systems, ...unknown } = settings;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new TypeError(`"${stray}" is no setting of the linux controller`);
  if (!Array.isArray(systems)) throw new TypeError('systems must be a list');
  return { systems: systems.map((system, index) => parseSystem(system, `systems[${index}]`, directory)) };
}

/** Makes the controller; see ControllerModule. */
export function createController(
  settings: JsonObject,
  environment: { readonly directory: string },
): ControllerPort {
  return createLinuxController(parseLinuxSettings(settings, environment.directory));
}

function parseSystem(system: JsonValue, at: string, directory: string): LinuxSystem {
  if (!isJsonObject(system)) throw new TypeError(`${at} must have id, root_dir, tgtd and iqn_prefix`);
  const {
    id,
    root_dir: rootDir,
    tgtd,
    iqn_prefix: iqnPrefix,
    chap_key_file: chapKeyFile,
    oversubscription,
    ...unknown
  } = system;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new TypeError(`${at}: "${stray}" is no setting of a system`);
  if (!isJsonObject(tgtd)) throw new TypeError(`${at}.tgtd must have control_port and portal`);
  const { control_port: controlPort, portal, ipc_path: ipcPath } = tgtd;
  if (typeof controlPort !== 'number') throw new TypeError(`${at}.tgtd.control_port must be a number`);
  if (oversubscription !== undefined && typeof oversubscription !== 'number') {
    throw new TypeError(`${at}.oversubscription must be a number`);
  }
  return {
    id: text(id, `${at}.id`),
    rootDir: resolve(directory, text(rootDir, `${at}.root_dir`)),
    tgtd: {
      controlPort,
      portal: text(portal, `${at}.tgtd.portal`),
      ...(ipcPath === undefined ? {} : { ipcPath: text(ipcPath, `${at}.tgtd.ipc_path`) }),
    },
    iqnPrefix: text(iqnPrefix, `${at}.iqn_prefix`),
    ...(oversubscription === undefined ? {} : { oversubscription }),
    ...(chapKeyFile === undefined
      ? {}
      : { chapKeyFile: resolve(directory, text(chapKeyFile, `${at}.chap_key_file`)) }),
  };
}

function text(value: JsonValue | undefined, at: string): string {
  if (typeof value !== 'string') throw new TypeError(`${at} must be a text`);
  return value;
}
