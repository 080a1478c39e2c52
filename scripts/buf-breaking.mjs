// Holds proto/ against proto/baseline.binpb, the contract as last released: what clients and stored records rely on does
// not change. `--update` makes the present one the baseline, at a release.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup.mjs';

const buf = join(root, 'node_modules/.bin/buf');
const baseline = 'proto/baseline.binpb';
if (process.argv.includes('--update')) {
  execFileSync(buf, ['build', '--exclude-source-info', '-o', baseline], { cwd: root, stdio: 'inherit' });
} else {
  const result = spawnSync(buf, ['breaking', '--against', baseline], { cwd: root, stdio: 'inherit' });
  process.exitCode = result.status ?? 1;
}
