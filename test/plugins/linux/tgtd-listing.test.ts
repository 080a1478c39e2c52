/** Reading tgtd's listings, as recorded from tgtd 1.0.85. */
import { expect } from 'chai';
import { parseAccounts, parseTargets } from '../../../plugins/linux/tgtd-listing.js';

const unit = (lun: number, type: string, path: string, extra = ''): string => `        LUN: ${lun}
            Type: ${type}
            SCSI ID: IET     0001000${lun}
            SCSI SN: beaf1${lun}
            Size: 8 MB, Block size: 512
            Online: ${extra === 'offline' ? 'No' : 'Yes'}
            Removable media: No
            Prevent removal: No
            Readonly: No
            SWP: No
            Thin-provisioning: ${extra === 'thin' ? 'Yes' : 'No'}
            Backing store type: ${path === 'None' ? 'null' : 'rdwr'}
            Backing store path: ${path}
            Backing store flags: 
`;

/** Two targets: one with two sessions, three units, three accounts and two kinds of ACL; one that is bare. */
const recorded = `Target 1: iqn.2026-11.com.example:one
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 1
            Initiator: iqn.2026-11.com.example:host-1 alias: none
            Connection: 0
                IP Address: 127.0.0.1
        I_T nexus: 2
            Initiator: iqn.2026-11.com.example:host-1 alias: my alias: host
            Connection: 0
                IP Address: 127.0.0.1
            Connection: 1
                IP Address: 127.0.0.1
    LUN information:
${unit(0, 'controller', 'None')}${unit(1, 'disk', '/srv/a.img', 'thin')}${unit(2, 'disk', '/srv/b: c.img', 'offline')}    Account information:
        alice
        bob
        out (outgoing)
    ACL information:
        192.0.2.0/24
        iqn.2026-11.com.example:host-1
Target 134217000: iqn.2026-11.com.example:two
    System information:
        Driver: iscsi
        State: offline
    I_T nexus information:
    LUN information:
${unit(0, 'controller', 'None')}    Account information:
    ACL information:
        ALL
`;

describe('linux: `parseTargets()`', () => {
  it('reads targets, sessions, units, accounts and ACLs', () => {
    const [one, two, ...more] = parseTargets(recorded);
    expect(more).to.deep.equal([]);
    expect(one).to.deep.include({
      tid: 1,
      name: 'iqn.2026-11.com.example:one',
      state: 'ready',
      accounts: ['alice', 'bob'],
      acl: ['192.0.2.0/24', 'iqn.2026-11.com.example:host-1'],
    });
    expect(one?.sessions).to.deep.equal([
      { id: 1, initiator: 'iqn.2026-11.com.example:host-1', connections: [0] },
      { id: 2, initiator: 'iqn.2026-11.com.example:host-1', connections: [0, 1] },
    ]);
    expect(one?.units.map(({ lun, type, path }) => ({ lun, type, path }))).to.deep.equal([
      { lun: 0, type: 'controller', path: undefined },
      { lun: 1, type: 'disk', path: '/srv/a.img' },
      { lun: 2, type: 'disk', path: '/srv/b: c.img' },
    ]);
    expect(one?.units[1]).to.include({
      scsiId: 'IET     00010001',
      scsiSn: 'beaf11',
      isOnline: true,
      isThin: true,
    });
    expect(one?.units[2]).to.include({ isOnline: false, isThin: false });
    expect(two).to.deep.include({
      tid: 134_217_000,
      state: 'offline',
      sessions: [],
      accounts: [],
      acl: ['ALL'],
    });
  });

  it('reads nothing as no targets', () => {
    expect(parseTargets('')).to.deep.equal([]);
  });

  it('passes over lines and sections that other versions add', () => {
    const other = recorded
      .replace('        State: ready\n', '        State: ready\n        nop_interval=0\n')
      .replace('    LUN information:', '    Portal information:\n        Portal: 1\n    LUN information:')
      .replace('                IP Address', '                RDMA IP Address');
    expect(parseTargets(other)).to.deep.equal(parseTargets(recorded));
  });

  it('does not take an account or an ACL for a target', () => {
    const odd = recorded
      .replace('        bob\n', '        Target 9: x\n')
      .replace('        ALL\n', '        LUN: 5\n');
    const [one, two] = parseTargets(odd);
    expect(one?.accounts).to.deep.equal(['alice', 'Target 9: x']);
    expect(two?.acl).to.deep.equal(['LUN: 5']);
  });

  for (const [what, text] of [
    ['a line before the first target', `        LUN: 1\n${recorded}`],
    ['a message in place of a listing', 'tgtadm: failed to send request hdr to tgt daemon'],
    ['a target without a number', recorded.replace('Target 1:', 'Target one:')],
    ['a session without a number', recorded.replace('I_T nexus: 2', 'I_T nexus: two')],
    ['a unit without a number', recorded.replace('LUN: 2', 'LUN: -2')],
    ['a connection without a session', recorded.replace('        I_T nexus: 1\n', '')],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => parseTargets(text)).to.throw('line that its listing should not have');
    });
  }
});

describe('linux: `parseAccounts()`', () => {
  it('reads the names', () => {
    expect(parseAccounts('Account list:\n    out\n    bob\n')).to.deep.equal(['out', 'bob']);
    expect(parseAccounts('')).to.deep.equal([]);
  });

  it('refuses another text', () => {
    expect(() => parseAccounts('Portal: 127.0.0.1:3260,1\n')).to.throw('Portal');
  });
});
