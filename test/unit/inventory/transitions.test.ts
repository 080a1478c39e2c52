/** What steps do to a record, and what their undos give back. */
import { expect } from 'chai';
import { ResourceRecord, ResourceState } from '../../../src/gen/store/steplock/store/v1/inventory.js';
import { bodyOf, linksOf, parseResourceName, resourceName, toBody } from '../../../src/inventory/index.js';
import { unwritten, wasWritten, written, type Writer } from '../../../src/inventory/transitions.js';

const writer = (key: string, workflow = 'wf-1'): Writer => ({ workflow, key, formerKeys: [] });
const there: ResourceRecord = {
  ...ResourceRecord.fromPartial({}),
  ...{ kind: 'volume', id: 'data', uid: 'u', state: ResourceState.AVAILABLE, labels: { tier: 'gold' } },
  ...{ declaredBy: 'k0', writtenBy: 'k0', body: toBody({ system: 's', size_bytes: 1 }) },
};

describe('transitions of a record', () => {
  it('undoing a change step by step gives back each state, and the labels as they are now', () => {
    const begun = written(there, writer('k1'), { state: ResourceState.UPDATING, body: {} });
    expect(begun).to.deep.include({ state: ResourceState.UPDATING, workflow: 'wf-1' });
    const done = written(begun, writer('k2'), { state: ResourceState.AVAILABLE, body: { size_bytes: 2 } });
    expect(done).to.deep.include({ state: ResourceState.AVAILABLE, workflow: '' });
    expect(bodyOf(done)).to.deep.equal({ system: 's', size_bytes: 2 });
    const labelled = { ...done, labels: { tier: 'tin' } };
    const back = unwritten(labelled);
    expect(back).to.deep.include({
      state: ResourceState.UPDATING,
      workflow: 'wf-1',
      labels: { tier: 'tin' },
    });
    expect(bodyOf(back)).to.deep.equal({ system: 's', size_bytes: 1 });
    expect(wasWritten(back, writer('k1'))).to.equal(true);
    const whole = unwritten(back);
    expect(whole).to.deep.include({ state: ResourceState.AVAILABLE, workflow: '', writtenBy: 'k0' });
  });

  it('what was before is kept as far as one workflow goes, so that records do not grow', () => {
    let record = there;
    let size = 0;
    for (let number = 1; number <= 5; number++) {
      const workflow = `wf-${number}`;
      record = written(record, writer('a', workflow), { state: ResourceState.UPDATING, body: {} });
      record = written(record, writer('b', workflow), { state: ResourceState.AVAILABLE, body: {} });
      const bytes = ResourceRecord.encode(record).finish().length;
      // The first one found another writer.
      if (number > 2) expect(bytes).to.equal(size);
      size = bytes;
    }
  });

  it('names are read as they are written', () => {
    for (const name of [
      'volumes/a',
      'systems/s',
      'systems/s/pools/Gold.1',
      'systems/s/ports/10.0.0.1:3260/x',
    ]) {
      const parsed = parseResourceName(name);
      expect(parsed === undefined ? '' : resourceName(parsed)).to.equal(name);
    }
    for (const name of ['', 'volumes', 'volumes/a/b', 'pools/x', 'workflows/x', 'systems/s/hosts/x'])
      expect(parseResourceName(name), name).to.equal(undefined);
  });

  it('links follow from what a record says', () => {
    expect(linksOf({ kind: 'export', body: { volume: 'v', host: 'h' } })).to.deep.equal([
      { link: 'use', to: { kind: 'volume', id: 'v' } },
      { link: 'use', to: { kind: 'host', id: 'h' } },
    ]);
    expect(linksOf({ kind: 'initiator', body: { host: 'h' } })).to.deep.equal([
      { link: 'part', to: { kind: 'host', id: 'h' } },
    ]);
  });
});
