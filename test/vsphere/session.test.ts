/** The session with a vCenter: who it talks to, and as whom. */
import { expect } from 'chai';
import { createServer, type Server } from 'node:net';
import { VimSession } from '../../plugins/vsphere/session.js';
import { LostAnswer, VimFault } from '../../plugins/vsphere/soap/faults.js';
import { service, serviceInstance } from '../../plugins/vsphere/vim/service.js';
import { rejection } from '../support/rejection.js';
import { startVCenter, type VCenterProcess } from './vcenter-process.js';

describe('vsphere: session', function () {
  this.timeout(240_000);
  let vcenter: VCenterProcess;
  const sessions: VimSession[] = [];
  const open = (more: Partial<ConstructorParameters<typeof VimSession>[0]> = {}): VimSession => {
    const session = new VimSession({
      origin: vcenter.origin,
      trust: { sha256: vcenter.sha256 },
      userName: vcenter.user,
      password: () => Promise.resolve(vcenter.password),
      types: [],
      ...more,
    });
    sessions.push(session);
    return session;
  };
  const count = async (method: string): Promise<number> => (await vcenter.calls())[method] ?? 0;

  before(async () => {
    vcenter = await startVCenter();
  });
  after(async () => {
    await Promise.all(
      sessions.map(async (session) => {
        await session.close();
      }),
    );
    await vcenter.stop();
  });

  it('is begun once for fifty who ask at the same time, and once again when it was forgotten', async () => {
    const session = open();
    const before = await count('Login');
    const ask = async (): Promise<unknown> =>
      await session.call(serviceInstance, service.retrieveContent, {});
    await Promise.all(Array.from({ length: 50 }, ask));
    expect(await count('Login')).to.equal(before + 1);
    await vcenter.refuse('RetrieveServiceContent', 'NotAuthenticated', 1);
    await Promise.all(Array.from({ length: 50 }, ask));
    expect(await count('Login')).to.equal(before + 2);
    await vcenter.calm();
  });

  it('with a wrong password is refused, and not asked for again at once: that would lock the account', async () => {
    const session = open({ password: () => Promise.resolve('wrong') });
    const before = await count('Login');
    for (let tries = 0; tries < 5; tries++) {
      const error = await rejection(session.state());
      expect(error).to.be.instanceOf(VimFault).with.property('type', 'InvalidLogin');
      expect(error.message).to.not.contain('wrong');
    }
    expect(await count('Login')).to.equal(before + 1);
  });

  it('sends nothing to a server with another certificate', async () => {
    const session = open({ trust: { sha256: '00'.repeat(32) } });
    const before = await vcenter.calls();
    const error = await rejection(session.state());
    expect(error).to.be.instanceOf(LostAnswer).with.property('wasSent', false);
    expect(await vcenter.calls()).to.deep.equal(before);
  });

  it('sends nothing to a server whose authority is not known', async () => {
    const error = await rejection(open({ trust: 'system' }).state());
    expect(error).to.be.instanceOf(LostAnswer).with.property('wasSent', false);
  });

  it('does not wait for ever for a server that takes connections and says nothing', async () => {
    const silent: Server = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const error = await rejection(open({ origin: `https://127.0.0.1:${port}`, timeoutMs: 300 }).state());
    expect(error).to.be.instanceOf(LostAnswer);
    silent.close();
  });

  it('reads again when the answer to a read was lost', async () => {
    const session = open();
    await session.state();
    await vcenter.lose('RetrieveServiceContent', 1);
    const content = await session.call(serviceInstance, service.retrieveContent, {});
    expect(content.about.apiType).to.equal('VirtualCenter');
  });
});
