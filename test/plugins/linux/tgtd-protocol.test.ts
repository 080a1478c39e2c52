/** What goes over tgtd's management socket. */
import { expect } from 'chai';
import { decodeAnswer, encodeRequest } from '../../../plugins/linux/tgtd-protocol.js';

describe('linux: tgtd protocol', () => {
  it('lays a request out as tgtadm does', () => {
    const bytes = encodeRequest({
      ...{ mode: 'connection', operation: 'delete', tid: 7, sid: 3, cid: 2, force: true },
      parameters: 'a=b',
    });
    const expected = Buffer.alloc(124);
    expected.writeUInt32LE(6, 0);
    expected.writeUInt32LE(1, 4);
    expected.write('iscsi', 8);
    expected.writeUInt32LE(124, 72);
    expected.writeUInt32LE(7, 76);
    expected.writeUInt32LE(3, 80);
    expected.fill(0xff, 88, 96);
    expected.writeUInt32LE(2, 96);
    expected.writeUInt32LE(1, 116);
    expected.write('a=b\0', 120);
    expect(bytes.toString('hex')).to.equal(expected.toString('hex'));
  });

  it('refuses more than tgtd reads', () => {
    const parameters = 'x'.repeat(8 * 1024);
    expect(() => encodeRequest({ mode: 'account', operation: 'new', parameters })).to.throw(
      'Too many parameters',
    );
  });

  it('reads an answer', () => {
    const answer = Buffer.from([0, 0, 0, 0, 12, 0, 0, 0, 0x61, 0x62, 0x63, 0]);
    expect(decodeAnswer(answer)).to.deep.equal({ error: 'success', text: 'abc' });
    expect(decodeAnswer(Buffer.from([14, 0, 0, 0, 8, 0, 0, 0]))).to.deep.equal({
      error: 'account exists',
      text: '',
    });
    expect(decodeAnswer(Buffer.from([99, 0, 0, 0, 8, 0, 0, 0])).error).to.equal('unknown error');
  });

  it('does not take a cut answer for an empty one', () => {
    // tgtadm itself does: it ends with 0 and prints nothing when tgtd dies before it answered.
    expect(() => decodeAnswer(Buffer.alloc(0))).to.throw('closed its management socket');
    expect(() => decodeAnswer(Buffer.from([0, 0, 0, 0, 12, 0, 0, 0, 0x61]))).to.throw(
      'closed its management socket',
    );
  });
});
