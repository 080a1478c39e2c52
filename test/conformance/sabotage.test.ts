/** The suite itself: an adapter with a defect fails in the very check that is about it, and a sound one does not. */
import { expect } from 'chai';
import type { Defect, Subject } from './bench.js';
import { checksOf } from './checks/index.js';
import { listSubjects } from './subjects/index.js';

const expected: Readonly<Record<Defect, { readonly check: RegExp; readonly failure: RegExp }>> = {
  'wrong-size': {
    check: /^create-volume: it has the size that was asked for/,
    failure: /size_bytes/,
  },
  'create-without-look-up': {
    check: /^create-volume: repeated, and its answer lost/,
    failure: /a probe after it|VolumeExists/,
  },
  'delete-of-a-foreign-object': {
    check: /^foreign objects: what no workflow made is neither taken, changed nor deleted/,
    failure: /delete-volume/,
  },
};

/** What the check says of an adapter with the defect; empty if it finds nothing. */
async function runCheck(subject: Subject, name: RegExp, defect: Defect | undefined): Promise<string> {
  const found = checksOf(subject).filter((check) => name.test(check.name));
  expect(found, String(name)).to.have.length(1);
  const bench = await subject.open(defect);
  try {
    await found[0]!.run(bench, subject);
    return '';
  } catch (error) {
    return String(error);
  } finally {
    await bench.remove();
  }
}

for (const subject of listSubjects()) {
  describe(`conformance finds defects: ${subject.name}`, function () {
    this.timeout(120_000);
    after(async () => {
      await subject.close();
    });
    for (const [defect, { check, failure }] of Object.entries(expected)) {
      it(`${defect}: fails in "${check.source.slice(1)}…", where a sound one passes`, async () => {
        expect(await runCheck(subject, check, defect as Defect)).to.match(failure);
        expect(await runCheck(subject, check, undefined)).to.equal('');
      });
    }
  });
}
