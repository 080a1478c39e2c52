// The virtualenv of examples/python-controller: its pinned packages, and what the .proto generates. Made once, below
// .cache, and made anew when the pins or the proto change.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const requirements = join(root, 'examples/python-controller/requirements.txt');
const venv = join(root, '.cache/python-controller/venv');
const generated = join(root, '.cache/python-controller/gen');
const stamp = join(root, '.cache/python-controller/stamp');
/** What the controller speaks; google/rpc is for the details of errors. */
const protoFolders = ['steplock/v1', 'google/rpc'];

/**
 * Makes it if need be. Gives the interpreter, and where the generated modules are, for PYTHONPATH.
 * Throws with what is missing.
 */
export function ensurePython() {
  const made = { python: join(venv, 'bin/python'), generated };
  const protos = protoFolders.flatMap((folder) =>
    readdirSync(join(root, 'proto', folder))
      .filter((name) => name.endsWith('.proto'))
      .map((name) => `${folder}/${name}`),
  );
  const hash = createHash('sha256').update(readFileSync(requirements));
  for (const proto of protos) hash.update(readFileSync(join(root, 'proto', proto)));
  const wanted = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return made;
  console.error('Making the virtualenv of examples/python-controller …');
  rmSync(join(root, '.cache/python-controller'), { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  run('python3', ['-m', 'venv', venv]);
  run(made.python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  const out = [`--python_out=${generated}`, `--grpc_python_out=${generated}`];
  run(made.python, ['-m', 'grpc_tools.protoc', `-I${join(root, 'proto')}`, ...out, ...protos]);
  writeFileSync(stamp, wanted);
  return made;
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
