/** What the controller says of itself, and what it refuses before it does anything. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { createLinuxController, linuxFaultPoints, type LinuxSystem } from '../../../plugins/linux/index.js';
import { callOf, contextOf, initiatorName, mebibyte, reasonOf } from './support.js';

const system: LinuxSystem = {
  id: 'shelf',
  rootDir: '/nonexistent/shelf',
  tgtd: { controlPort: 1, portal: '127.0.0.1:3260' },
  iqnPrefix: 'iqn.2026-11.com.example:shelf',
};
const controller = createLinuxController({ systems: [system] });
const method = (name: string): (typeof controller.description.methods)[number] => {
  const found = controller.description.methods.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

const changing = [
  ...['create-volume', 'expand-volume', 'restore-volume-size', 'delete-volume', 'clone-volume'],
  ...['create-snapshot', 'delete-snapshot', 'revert-volume', 'export-volume', 'unexport-volume'],
];

describe('linux: definition', () => {
  it('has all methods of a storage system, each idempotent; those that change something tell what came of a call', () => {
    expect(controller.description.kind).to.equal('linux');
    expect(controller.description.methods.map(({ name }) => name)).to.have.members([
      ...changing,
      ...['discover', 'list-volumes', 'get-volume', 'list-snapshots', 'get-snapshot'],
    ]);
    for (const { name, idempotent, canProbe } of controller.description.methods) {
      expect({ idempotent, canProbe }, name).to.deep.equal({
        idempotent: true,
        canProbe: changing.includes(name),
      });
    }
  });

  it('says how each is undone', () => {
    const undo = Object.fromEntries(
      changing.map((name) => [name, controller.description.methods.find((one) => one.name === name)?.undo]),
    );
    const of = (name: string, more = {}): object => ({
      method: name,
      arguments: { volume: { $args: '/volume' }, ...more },
    });
    const serial = { serial: { $result: '/serial' } };
    expect(undo).to.deep.equal({
      'create-volume': of('delete-volume', serial),
      'clone-volume': of('delete-volume', serial),
      'create-snapshot': {
        method: 'delete-snapshot',
        arguments: { snapshot: { $args: '/snapshot' }, ...serial },
      },
      'delete-snapshot': 'irreversible',
      'revert-volume': 'irreversible',
      'expand-volume': of('restore-volume-size'),
      'export-volume': of('unexport-volume'),
      'delete-volume': 'irreversible',
      'unexport-volume': 'irreversible',
      'restore-volume-size': 'irreversible',
    });
  });

  it('has schemas that compile, and that agree with what the methods refuse', async () => {
    const ajv = new Ajv2020({ strict: true });
    ajv.addKeyword('x-steplock-secret');
    for (const { argumentsSchema, outputSchema } of controller.description.methods) {
      ajv.compile(argumentsSchema);
      ajv.compile(outputSchema ?? {});
    }
    const good = {
      volume: 'a',
      initiators: [initiatorName('host')],
      chap: { username: 'u', secret: 'x'.repeat(12) },
    };
    const cases = [
      good,
      { ...good, initiators: [] },
      { ...good, initiators: ['IQN.2026-11.com.example:host'] },
      { ...good, initiators: ['host'] },
      { ...good, chap: { username: 'u,password=x', secret: 'x'.repeat(12) } },
      { ...good, chap: { username: 'u', secret: 'short' } },
      { ...good, chap: { username: 'u', secret: 'with a blank in it' } },
      { ...good, volume: '../a' },
    ];
    const isValid = ajv.compile(method('export-volume').argumentsSchema);
    for (const args of cases) {
      const result = await controller.execute(contextOf(callOf('x')), 'export-volume', args);
      // What passes the arguments ends at the directory, which is not there.
      expect(reasonOf(result), JSON.stringify(args)).to.equal(
        isValid(args) ? 'SystemUnavailable' : 'InvalidArguments',
      );
      expect(JSON.stringify(result)).not.to.contain('with a blank');
    }
    expect(
      ajv.compile(method('create-volume').argumentsSchema)({ volume: 'a', size_bytes: mebibyte + 1 }),
    ).to.equal(false);
  });

  it('marks the secret as one', () => {
    const properties = method('export-volume').argumentsSchema['properties'];
    expect(properties).to.have.nested.property('chap.properties.secret.x-steplock-secret', true);
  });

  for (const [what, change] of [
    ['a relative directory', { rootDir: 'shelf' }],
    ['a directory with a comma', { rootDir: '/srv/a,b' }],
    ['a directory with ..', { rootDir: '/srv/../etc' }],
    ['a portal without a port', { tgtd: { controlPort: 1, portal: '127.0.0.1' } }],
    ['a control port that tgtd does not take', { tgtd: { controlPort: 40_000, portal: '127.0.0.1:1' } }],
    ['a target name that no initiator takes', { iqnPrefix: 'shelf' }],
    ['an id that a step cannot name', { id: 'Shelf' }],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => createLinuxController({ systems: [{ ...system, ...change }] })).to.throw(TypeError);
    });
  }

  it('refuses two systems of one id', () => {
    expect(() => createLinuxController({ systems: [system, system] })).to.throw('shelf');
  });

  it('has at least three fault points in each method', () => {
    const counts = new Map<string, number>();
    for (const point of linuxFaultPoints) {
      const name = point.slice(0, point.indexOf(':'));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect([...counts.keys()]).to.have.members(changing);
    for (const count of counts.values()) expect(count).to.be.at.least(3);
  });
});
