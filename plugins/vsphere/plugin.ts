/**
 * The `vsphere` controller as a node's controllers file names it:
 *
 *     controllers:
 *       vsphere:
 *         module: vsphere
 *         vcenters:
 *           - id: vc-1
 *             url: https://vcenter.example.com
 *             sha256: 3F:…        # or ca_file; without either the system's authorities
 *             user: steplock@vsphere.local
 *             password_file: /etc/steplock/vc-1.password
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isJsonObject, type ControllerPort, type JsonObject, type JsonValue } from '../../src/controller.js';
import { createVsphereController } from './controller.js';
import type { Trust } from './soap/transport.js';
import { VCenters, type VCenterOptions } from './vcenter.js';

/** Makes the controller; see ControllerModule. @throws TypeError naming the setting that breaks its rule. */
export function createController(
  settings: JsonObject,
  environment: { readonly directory: string },
): ControllerPort {
  return createVsphereController(new VCenters(parseVsphereSettings(settings, environment.directory)));
}

/** Reads the settings; relative paths start from the directory of the controllers file. */
export function parseVsphereSettings(settings: JsonObject, directory: string): VCenterOptions[] {
  const { vcenters, ...unknown } = settings;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new TypeError(`"${stray}" is no setting of the vsphere controller`);
  if (!Array.isArray(vcenters)) throw new TypeError('vcenters must be a list');
  return vcenters.map((vcenter, index) => parseVCenter(vcenter, `vcenters[${index}]`, directory));
}

function parseVCenter(vcenter: JsonValue, at: string, directory: string): VCenterOptions {
  if (!isJsonObject(vcenter)) throw new TypeError(`${at} must have id, url, user and password_file`);
  const { id, url, user, password_file: passwordFile, sha256, ca_file: caFile, ...unknown } = vcenter;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new TypeError(`${at}: "${stray}" is no setting of a vCenter`);
  if (sha256 !== undefined && caFile !== undefined)
    throw new TypeError(`${at}: sha256 and ca_file exclude each other`);
  const path = resolve(directory, text(passwordFile, `${at}.password_file`));
  const trust: Trust =
    sha256 !== undefined
      ? { sha256: text(sha256, `${at}.sha256`) }
      : caFile !== undefined
        ? { caFile: resolve(directory, text(caFile, `${at}.ca_file`)) }
        : 'system';
  return {
    id: text(id, `${at}.id`),
    origin: text(url, `${at}.url`),
    trust,
    userName: text(user, `${at}.user`),
    password: async () => (await readFile(path, 'utf8')).replace(/\r?\n$/, ''),
  };
}

function text(value: JsonValue | undefined, at: string): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${at} must be a text`);
  return value;
}
