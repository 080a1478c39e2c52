/** Imports go downwards only (support/layers.ts), nothing goes round in a circle, and plugins see the public entry only. */
import { expect } from 'chai';
import { etcdReaders, levels, recordReaders, wireReaders } from './support/layers.js';
import { filesBelow, importsOf, sourcesBelow } from './support/project.js';

const levelOf = new Map(levels.flatMap((parts, level) => parts.map((part) => [part, level] as const)));
const partOf = (path: string): string => path.split('/')[1] ?? '';

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsBelow(...folders: readonly string[]): Import[] {
  return sourcesBelow(...folders).flatMap((from) => importsOf(from).map((to) => ({ from, to })));
}

const show = ({ from, to }: Import): string => `${from} imports ${to}`;

describe('layers', () => {
  const inSrc = importsBelow('src');

  it('every part of src/ has a level', () => {
    const parts = new Set(sourcesBelow('src').map(partOf));
    expect([...parts].filter((part) => !levelOf.has(part))).to.deep.equal([]);
  });

  it('src/ imports downwards only', () => {
    const wrong = inSrc.filter(({ from, to }) => {
      if (!to.startsWith('src/') || to.startsWith('src/gen/') || partOf(from) === partOf(to)) return false;
      return (levelOf.get(partOf(to)) ?? 99) >= (levelOf.get(partOf(from)) ?? -1);
    });
    expect(wrong.map(show)).to.deep.equal([]);
  });

  it('no file of src/ or plugins/ imports itself by way of others', () => {
    const targets = new Map<string, string[]>();
    for (const { from, to } of importsBelow('src', 'plugins')) {
      targets.set(from, [...(targets.get(from) ?? []), to]);
    }
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      if (done.has(path) || way.includes(path)) return;
      for (const next of targets.get(path) ?? []) visit(next, [...way, path]);
      done.add(path);
    };
    for (const path of targets.keys()) visit(path, []);
    expect(circles).to.deep.equal([]);
  });

  it('only the edges know the wire, only what decides on records knows them, one folder knows etcd3', () => {
    const wrong = inSrc.filter(({ from, to }) => {
      const isAmong = (readers: readonly string[]): boolean => readers.some((part) => from.startsWith(part));
      if (to.startsWith('src/gen/wire/')) return !isAmong(wireReaders);
      if (to.startsWith('src/gen/store/')) return !isAmong(recordReaders);
      return to === 'etcd3' && !isAmong(etcdReaders);
    });
    expect(wrong.map(show)).to.deep.equal([]);
  });

  it('a plugin imports of the project its own files and the public entries only; src/ imports no plugin', () => {
    const entries = ['src/controller.ts', 'src/storage-controller.ts'];
    const wrong = importsBelow('plugins').filter(({ from, to }) => {
      const [, plugin] = from.split('/');
      const isOurs = /^(\.\.|src|test|plugins|examples|scripts|bench)(\/|$)/.test(to);
      return isOurs && !entries.includes(to) && !to.startsWith(`plugins/${plugin ?? ''}/`);
    });
    const upwards = inSrc.filter(({ to }) => /^(plugins|test|examples|scripts|bench)\//.test(to));
    expect([...wrong, ...upwards].map(show)).to.deep.equal([]);
  });

  it('nothing imports from outside of the project', () => {
    const folders = ['src', 'plugins', 'test', 'examples', 'bench'];
    const outside = importsBelow(...folders).filter(({ to }) => to.startsWith('..') || to.startsWith('/'));
    expect(outside.map(show)).to.deep.equal([]);
    expect(filesBelow('src/gen').length).to.be.greaterThan(0);
  });
});
