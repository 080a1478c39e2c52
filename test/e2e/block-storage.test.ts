/** examples/block-storage.sh on real parts: a node, tgtd, qemu-io; what it checks it says, and it leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const script = fileURLToPath(new URL('../../examples/block-storage.sh', import.meta.url));
/** What it says when a part of it was found to be so. */
const parts = [
  'a storage system and a host',
  'a volume, exported to the host; the host writes',
  'a snapshot; the host writes something else; a clone has the old bytes',
  'larger, while it is exported',
  'back to the snapshot',
  'what is in use is not deleted',
  'the export ends: the host is refused',
  'everything is deleted',
  'nothing is left: no target, no file, no record',
];

describe('Block storage over the command line', function () {
  this.timeout(600_000);

  it('from the registration of a system to the last deletion, with bytes written and read as the host', async () => {
    const child = spawn(script, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => (output += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code, output).to.equal(0);
    expect([...output.matchAll(/^── (.*)$/gm)].map(([, said]) => said)).to.deep.equal(parts);
    expect(output).to.match(/RESOURCE_IN_USE: volumes\/data is in use by (exports|snapshots)\//);
  });
});
