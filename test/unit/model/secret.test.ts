import { expect } from 'chai';
import type { JsonObject } from '../../../src/base/json.js';
import { createSeededRandom } from '../../../src/base/random.js';
import { findReferences, resolveArguments, UnresolvedReferenceError } from '../../../src/model/references.js';
import { sealOutput } from '../../../src/model/seal-output.js';
import {
  asSecret,
  createSealer,
  mapSecrets,
  redactJson,
  redactText,
  secretForm,
} from '../../../src/model/secret.js';
import { thrown } from '../../support/rejection.js';

const key = Buffer.alloc(32, 7);

describe('createSealer()', () => {
  const sealer = createSealer(key, createSeededRandom(1));

  it('opens what it has sealed, for the same workflow', () => {
    for (const text of ['', 'hunter22', 'ü😀'.repeat(1_000)]) {
      const sealed = sealer.seal(text, 'uid');
      expect(sealed).to.match(/^v1\.[0-9a-f]{8}\.[\w-]+$/);
      expect(sealer.open(sealed, 'uid')).to.equal(text);
    }
    expect(sealer.seal('a', 'uid'), 'Equal secrets do not look equal').to.not.equal(sealer.seal('a', 'uid'));
  });

  it('does not open for another workflow, with another key, what was changed, or what is cut short', () => {
    const sealed = sealer.seal('hunter22', 'uid');
    const [version, id, body] = sealed.split('.') as [string, string, string];
    expect(() => sealer.open(sealed, 'other')).to.throw();
    const changed = `${version}.${id}.${body.startsWith('A') ? 'B' : 'A'}${body.slice(1)}`;
    const others = [
      changed,
      `${version}.${id}.${body.slice(0, 8)}`,
      `${version}.${id}.`,
      `v2.${id}.${body}`,
      'x',
      '',
    ];
    for (const other of others) expect(() => sealer.open(other, 'uid'), other).to.throw();
    const foreign = createSealer(Buffer.alloc(32, 8), createSeededRandom(1));
    expect(thrown(() => foreign.open(sealed, 'uid')).message).to.equal(`Sealed with another key (${id})`);
  });

  it('takes a key of 32 bytes only', () => {
    for (const bytes of [0, 31, 33])
      expect(() => createSealer(Buffer.alloc(bytes), createSeededRandom(1))).to.throw(TypeError);
  });

  it('tells equal texts by a digest that needs the key', () => {
    expect(sealer.digest('a')).to.equal(sealer.digest('a'));
    expect(sealer.digest('a')).to.not.equal(sealer.digest('b'));
    expect(createSealer(Buffer.alloc(32, 8), createSeededRandom(1)).digest('a')).to.not.equal(
      sealer.digest('a'),
    );
  });
});

describe('A secret in JSON', () => {
  it('has one of four forms, each with one text', () => {
    for (const name of ['env', 'file', 'value', 'sealed'])
      expect(secretForm({ [name]: 'x' })).to.deep.equal({ [name]: 'x' });
    for (const none of [{}, { env: 1 }, { env: 'x', file: 'y' }, { other: 'x' }, 'x', null, ['x']])
      expect(secretForm(none)).to.equal(undefined);
    expect(asSecret({ $secret: 'x' })).to.equal('x');
    expect(asSecret({ secret: 'x' })).to.equal(undefined);
  });

  it('is replaced wherever it stands, and what is none stays as it is', () => {
    const value = { a: [{ $secret: { env: 'E' } }], b: { $secret: { bad: 1 } }, c: 'x' };
    expect(mapSecrets(value, () => 'S')).to.deep.equal({ a: ['S'], b: { $secret: { bad: 1 } }, c: 'x' });
  });
});

describe('Taking secrets out', () => {
  it('finds them as they are, as JSON and as URLs spell them, as often as they stand there', () => {
    const secret = 'pa"ss\n/ü';
    const text = `${secret} ${JSON.stringify(secret)} ${encodeURIComponent(secret)} ${secret}`;
    expect(redactText(text, [secret])).to.equal('[redacted] "[redacted]" [redacted] [redacted]');
    expect(redactText('a.c abc', ['a.c?']), 'A secret is no pattern').to.equal('a.c abc');
    expect(redactText('$& is $&$&', ['$&$&'])).to.equal('$& is [redacted]');
  });

  it('leaves words alone that are short, and takes half a character for what it is', () => {
    expect(redactText('the cat', ['cat'])).to.equal('the cat');
    expect(redactText('the cats', ['cats'])).to.equal('the [redacted]');
    expect(redactText('abc\uD83D', ['abc\uD83D'])).to.equal('[redacted]');
  });

  it('goes through JSON, keys included', () => {
    const value = { hunter22: ['my hunter22', { n: 1, nothing: null }] };
    const clean = { '[redacted]': ['my [redacted]', { n: 1, nothing: null }] };
    expect(redactJson(value, new Set(['hunter22']))).to.deep.equal(clean);
  });
});

describe('sealOutput()', () => {
  const schema = JSON.stringify({
    properties: { chap: { properties: { password: { 'x-steplock-secret': true } } } },
  });
  const seal = (output: JsonObject, key_ = true): object =>
    sealOutput(output, {
      schema,
      seal: (text) => (key_ ? `S(${text})` : undefined),
      plain: (text) => text.toUpperCase(),
    });

  it('seals what the schema calls a secret, and clears everything else', () => {
    expect(seal({ chap: { password: 'x', user: 'u' } })).to.deep.equal({
      ok: true,
      output: { CHAP: { PASSWORD: { $secret: { sealed: 'S(x)' } }, USER: 'u'.toUpperCase() } },
    });
    expect(seal({ chap: { password: null } })).to.deep.equal({
      ok: true,
      output: { CHAP: { PASSWORD: null } },
    });
  });

  it('says where it cannot, so that nothing is stored in clear', () => {
    expect(seal({ chap: { password: 'x' } }, false)).to.deep.equal({
      ok: false,
      why: 'no-key',
      at: '/chap/password',
    });
    for (const password of [7, ['x'], { x: 'y' }, true])
      expect(seal({ chap: { password } })).to.deep.equal({ ok: false, why: 'no-text', at: '/chap/password' });
  });
});

describe('References', () => {
  it('are found where they stand, in places spelled as JSON pointers', () => {
    const found = findReferences({
      'a/b~c': { $output: { step: 's', pointer: '/x/0' } },
      list: [{ $secret: { env: 'E' } }, { $args: '/v' }, { $result: '' }],
    });
    expect(found).to.deep.equal([
      { kind: 'output', at: '/a~1b~0c', step: 's', pointer: '/x/0' },
      { kind: 'secret', at: '/list/0', form: { env: 'E' } },
      { kind: 'args', at: '/list/1', pointer: '/v' },
      { kind: 'result', at: '/list/2', pointer: '' },
    ]);
  });

  it('that are malformed are said to be so', () => {
    for (const value of [
      { $output: { step: 's' }, more: 1 },
      { $output: 's' },
      { $output: { pointer: '/x' } },
      { $output: { step: 's', pointer: 'x' } },
      { $output: { step: 's', pointer: '/~2' } },
      { $output: { step: 's', other: 1 } },
      { $secret: 'x' },
      { $secret: { env: 1 } },
      { $args: 'x' },
      { $result: null },
    ])
      expect(findReferences(value)[0], JSON.stringify(value)).to.have.property('kind', 'malformed');
  });

  const sources = {
    output: (step: string) => (step === 's' ? { 'a/b': [1, { c: null }] } : undefined),
    args: { v: 'x' },
  };

  it('are replaced by what they name; secrets stay', () => {
    const args = {
      one: { $output: { step: 's', pointer: '/a~1b/0' } },
      all: { $output: { step: 's' } },
      none: { $output: { step: 's', pointer: '/a~1b/1/c' } },
      key: { $secret: { env: 'E' } },
      v: [{ $args: '/v' }],
    };
    const resolved = resolveArguments(args, sources, false);
    expect(resolved).to.deep.equal({
      one: 1,
      all: { 'a/b': [1, { c: null }] },
      none: null,
      key: { $secret: { env: 'E' } },
      v: ['x'],
    });
  });

  it('that lead nowhere are named, or for an undo left out', () => {
    const args = {
      deep: { x: { $output: { step: 's', pointer: '/a~1b/9' } } },
      list: [{ $result: '/x' }, 1],
    };
    const error = thrown(() => resolveArguments(args, sources, false));
    expect(error).to.be.instanceOf(UnresolvedReferenceError);
    expect(error.message).to.equal('Arguments/deep/x: the output s/a~1b/9 is not there');
    expect(resolveArguments(args, sources, true)).to.deep.equal({ deep: {}, list: [null, 1] });
    expect(() =>
      resolveArguments({ a: { $output: { step: 's', pointer: '/constructor' } } }, sources, false),
    ).to.throw();
  });
});
