/** What commands print: the same to the letter on every machine, and readable by programs where it says so. */
import { expect } from 'chai';
import { parse } from 'yaml';
import {
  formatMs,
  formatSpan,
  printableLines,
  printResult,
  renderTable,
  type OutputFormat,
} from '../../../src/cli/output.js';

describe('renderTable()', () => {
  it('sets columns two apart, without lines and without blanks at the ends', () => {
    const table = renderTable(
      ['NAME', 'STATE'],
      [
        ['a', 'running'],
        ['longer-name', ''],
      ],
    );
    expect(table).to.equal('NAME         STATE\na            running\nlonger-name\n');
  });

  it('shows nothing that a terminal would obey', () => {
    const escape = String.fromCharCode(27);
    const hostile = `a${escape}[2Jb\u0000\u009bc\nd`;
    expect(renderTable(['N'], [[hostile]])).to.equal('N\na\uFFFD[2Jb\uFFFD\uFFFDc d\n');
  });

  it('has its head when there is nothing to show', () => {
    expect(renderTable(['NAME', 'STATE'], [])).to.equal('NAME  STATE\n');
  });

  it('does not cut what is long', () => {
    expect(renderTable(['N'], [['x'.repeat(500)]])).to.include('x'.repeat(500));
  });
});

describe('printableLines()', () => {
  it('keeps the lines of a message, and nothing else that a terminal would obey', () => {
    const escape = String.fromCharCode(27);
    expect(printableLines(`plan.yaml:1: a${escape}]0;b\u0007\n\tsecond\r`)).to.equal(
      'plan.yaml:1: a\uFFFD]0;b\uFFFD\n second ',
    );
  });
});

describe('printResult()', () => {
  function printed(format: OutputFormat): string {
    let out = '';
    const terminal = {
      out: (text: string) => (out += text),
      err: () => undefined,
      isTty: false,
      columns: 80,
      rows: 0,
    };
    printResult(terminal, format, { name: 'no', list: [1] }, { head: ['NAME'], body: [['no']] });
    return out;
  }

  it('prints all of it for programs, and rows for people', () => {
    expect(JSON.parse(printed('json'))).to.deep.equal({ name: 'no', list: [1] });
    // In YAML a bare "no" would be read as false by some.
    expect(parse(printed('yaml'))).to.deep.equal({ name: 'no', list: [1] });
    expect(printed('table')).to.equal('NAME\nno\n');
  });

  it('ends with a line break', () => {
    for (const format of ['json', 'yaml', 'table'] as const) expect(printed(format)).to.match(/[^\n]\n$/);
  });
});

describe('formatMs() and formatSpan()', () => {
  it('say a duration in two units at most', () => {
    const shown: [number, string][] = [
      [-5, '0ms'],
      [0, '0ms'],
      [999, '999ms'],
      [1_000, '1.0s'],
      [59_900, '59.9s'],
      [60_000, '1m0s'],
      [3_599_999, '59m59s'],
      [3_600_000, '1h0m'],
      [90_000_000, '25h0m'],
    ];
    for (const [ms, text] of shown) expect(formatMs(ms)).to.equal(text);
  });

  it('never say 60.0s or 1000ms', () => {
    expect(formatMs(59_999)).to.not.equal('60.0s');
    expect(formatMs(999.9)).to.not.equal('1000ms');
  });

  it('go on to now where there is no end, and say nothing without a beginning', () => {
    const from = new Date(1_000);
    expect(formatSpan(from, new Date(3_500), 9_000)).to.equal('2.5s');
    expect(formatSpan(from, undefined, 9_000)).to.equal('8.0s');
    expect(formatSpan(undefined, new Date(3_500), 9_000)).to.equal('');
  });
});
