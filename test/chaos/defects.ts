/**
 * Fencing switched off, as changes of the shipped code in a copy of it. A chaos run of the copy must be found broken, by
 * the same checker: that shows that the checker would see what fencing prevents.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A defect, as changes of text. */
export interface Defect {
  readonly name: string;
  readonly changes: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  /** What the checker says of it, in one of its lines. */
  readonly finding: RegExp;
}

/** See above. */
export const defects: readonly Defect[] = [
  {
    name: 'every call has the same fencing token',
    changes: [
      {
        file: 'src/dispatcher/step-caller.ts',
        find: 'fencingToken: { generation, revision: fence },',
        replace: 'fencingToken: { generation, revision: fence > 0 ? 1 : 0 },',
      },
    ],
    finding: /: after attempt \d+ \(13\)|made twice \(12\)|after its undo had begun \(13\)/,
  },
  {
    name: 'a node that never believes its session ended, and transactions that do not compare it',
    changes: [
      {
        file: 'src/lease/session.ts',
        find: 'return sentMs + this.#ttlMs * (1 - marginShare);',
        replace: 'return sentMs + this.#ttlMs * 1_000;',
      },
      {
        file: 'src/lease/session.ts',
        find: 'return [isSameCreation(keys.node(this.nodeId), this.revision)];',
        replace: 'return [isSameCreation(keys.node(this.nodeId), this.revision)].slice(1);',
      },
      {
        file: 'src/lease/session.ts',
        find: "if (isReason(error, 'LEASE_LOST')) {",
        replace: "if (isReason(error, 'LEASE_LOST') && this.#ttlMs === 0) {",
      },
      {
        file: 'src/runtime/node-runtime.ts',
        find: "session.end('the node record is gone');",
        replace: 'void session;',
      },
      {
        file: 'src/queue/eligible.ts',
        find: 'if (!eligible.some(({ nodeId }) => nodeId === node)) return undefined;',
        replace: 'if (!eligible.some(({ nodeId }) => nodeId === node)) return 0;',
      },
    ],
    finding: /its session had ended at \d+ \(10\)/,
  },
];

/** A copy of the tree with the defect; the node's modules are shared. */
export function copyWithDefect(root: string, { changes }: Defect): string {
  const copy = mkdtempSync(join(tmpdir(), 'steplock-defect-'));
  for (const name of ['bin', 'src', 'plugins', 'test/chaos', 'test/support', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, find, replace } of changes) {
    const parts = readFileSync(join(copy, file), 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`${file} does not have the text of the defect exactly once`);
    writeFileSync(join(copy, file), parts.join(replace));
  }
  return copy;
}

/** Takes the copy away. */
export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true });
}
