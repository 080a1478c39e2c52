/** Names of initiators: every way of writing one comes to the same form, and what is none is refused. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  parseInitiator,
  renderInitiator,
  type InitiatorName,
  type InitiatorStyle,
} from '../../../src/inventory/index.js';
import { initiatorPattern } from '../../../src/storage/index.js';

const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''))
    .filter((text) => !/^0+$/.test(text));
const domain = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/);
const month = fc.constantFrom('01', '09', '12');
const year = fc.integer({ min: 1990, max: 2099 }).map(String);
const suffix = fc.stringMatching(/^(:[a-z0-9.:-]{1,40})?$/);
const named = (prefix: 'iqn' | 'nqn'): fc.Arbitrary<string> =>
  fc.tuple(year, month, domain, suffix).map(([y, m, d, s]) => `${prefix}.${y}-${m}.${d}${s}`);
const names = fc.oneof(
  named('iqn'),
  named('nqn'),
  hex(16).map((digits) => `eui.${digits}`),
  hex(16),
);
const parsed = (text: string, node = ''): InitiatorName => {
  const name = parseInitiator(text, node);
  if ('rule' in name) throw new Error(`${text}: ${name.rule}`);
  return name;
};

describe('initiators', () => {
  it('every name comes to a form that storage controllers take, whatever its case, and stays as it is then', () => {
    fc.assert(
      fc.property(names, (text) => {
        const name = parsed(text.toUpperCase());
        expect(name.address).to.equal(text).and.to.match(new RegExp(initiatorPattern));
        expect(parsed(name.address)).to.deep.equal(name);
      }),
    );
  });

  it('a WWPN is the same in every style, and the WWNN in front of it is kept', () => {
    const styles: InitiatorStyle[] = ['plain', 'colons', '0x'];
    fc.assert(
      fc.property(hex(16), hex(16), (port, node) => {
        const name = parsed(port, node);
        for (const style of styles)
          expect(parsed(renderInitiator(name, style) ?? '', node)).to.deep.equal(name);
        const both = renderInitiator(name, 'node-and-port') ?? '';
        expect(both).to.have.length(47);
        expect(parsed(both)).to.deep.equal(name);
        expect(renderInitiator(parsed(port), 'node-and-port')).to.equal(undefined);
      }),
    );
  });

  it('what a system writes is read, and rendered as the others want it', () => {
    const name = parsed('50:06:01:60:BE:A0:33:AB', '0x50060160bea033ac');
    expect(name).to.deep.equal({ protocol: 'fc', address: '50060160bea033ab', nodeWwn: '50060160bea033ac' });
    expect(renderInitiator(name, 'node-and-port')).to.equal(
      '50:06:01:60:be:a0:33:ac:50:06:01:60:be:a0:33:ab',
    );
    expect(renderInitiator(parsed('iqn.1993-08.org.debian:01:ab'), '0x')).to.equal(
      'iqn.1993-08.org.debian:01:ab',
    );
  });

  it('what is no name is refused, and says why', () => {
    const wrong = [
      ...['', 'iqn.2025-13.org.example:x', 'iqn.25-01.org.example', 'eui.0123', 'nqn.org.example', 'web-1'],
      ...['500601', '50:06:01:60:be:a0:33', '0x50:06:01:60:be:a0:33:ab', '0000000000000000'],
      ...['50:06-01:60:be:a0:33:ab', `iqn.2025-01.org.example:${'x'.repeat(224)}`, 'g006016044602198'],
    ];
    for (const text of wrong) expect(parseInitiator(text), text).to.have.property('rule').that.is.not.empty;
    expect(parseInitiator('iqn.2025-01.org.example:x', '50060160bea033ab')).to.have.property('rule');
    expect(parseInitiator('50060160bea033ab50060160bea033ac', '50060160bea033ad')).to.have.property('rule');
    expect(parseInitiator('50060160bea033ab', 'zz')).to.have.property('rule');
  });
});
