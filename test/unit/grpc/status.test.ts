import { expect } from 'chai';
import { Metadata, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { callReasons, SteplockError, type CallReason } from '../../../src/errors/index.js';
import { fromServiceError, toStatus } from '../../../src/grpc/status.js';

/** As the peer of the error sees it. */
function received(error: SteplockError): SteplockError {
  const status = toStatus(error);
  return fromServiceError({
    ...status,
    name: 'Error',
    message: `${status.code} ${status.details}`,
  });
}

function transportError(code: grpcStatus, details = 'details', bytes?: Buffer): ServiceError {
  const metadata = new Metadata();
  if (bytes !== undefined) metadata.set('grpc-status-details-bin', bytes);
  return { code, details, metadata, name: 'Error', message: `${code} ${details}` };
}

const headerBytes = (error: SteplockError): number => {
  const { metadata, details } = toStatus(error);
  const [bytes] = metadata.get('grpc-status-details-bin');
  return Buffer.from(bytes as Buffer).toString('base64').length + encodeURI(details).length;
};

describe('An error on the wire', () => {
  it('comes back with its reason, code, metadata, violations and time, whatever its reason', () => {
    for (const reason of Object.keys(callReasons) as CallReason[]) {
      const violations = [{ field: 'plan.steps[0]', rule: 'CYCLE', description: 'a → b → a' }];
      const error = new SteplockError(reason, 'It says ü', {
        metadata: { name: 'wf' },
        violations,
        retryAfterMs: 1_500,
      });
      const copy = received(error);
      expect(toStatus(error).code).to.equal(grpcStatus[callReasons[reason].code]);
      expect(copy.retry, 'what the caller may do').to.equal(callReasons[reason].retry);
      expect(copy).to.deep.include({ reason, message: 'It says ü', retryAfterMs: 1_500 });
      expect(copy.metadata).to.deep.equal({ name: 'wf' });
      expect(copy.violations).to.deep.equal(violations);
    }
    expect(received(new SteplockError('FENCED', 'x')).retryAfterMs).to.equal(undefined);
  });

  it('fits into headers, whatever a caller made it repeat', () => {
    const cases = [
      'x'.repeat(100_000),
      'ü'.repeat(100_000),
      '😀'.repeat(50_000),
      `a${'😀'.repeat(50_000)}`,
      '%'.repeat(9_000),
    ];
    for (const text of cases) {
      const violations = Array.from({ length: 50 }, () => ({
        field: text,
        rule: 'INVALID_ID',
        description: text,
      }));
      const error = new SteplockError('INVALID_PLAN', text, { metadata: { field: text }, violations });
      expect(headerBytes(error)).to.be.below(14_000);
      const copy = received(error);
      expect(copy.reason).to.equal('INVALID_PLAN');
      expect(copy.message).to.not.equal('');
      expect(copy.message).to.not.include('\uD83D\uFFFD');
      expect(copy.metadata['field']).to.have.length.at.most(513);
    }
  });

  it('keeps as many violations as fit, the first ones', () => {
    const violations = Array.from({ length: 50 }, (_, index) => ({
      field: `f${index}`,
      rule: 'R',
      description: 'd'.repeat(200),
    }));
    const copy = received(new SteplockError('INVALID_PLAN', 'm', { violations }));
    expect(copy.violations.length).to.be.within(10, 49);
    expect(copy.violations[0]?.field).to.equal('f0');
  });

  it('never tears a message apart within a character', () => {
    const half = new SteplockError('INTERNAL', 'broken \uD83D here');
    expect(() => encodeURI(toStatus(half).details)).to.not.throw();
  });
});

describe('An error of the transport', () => {
  it('gets the nearest reason', () => {
    for (const [code, reason] of [
      [grpcStatus.CANCELLED, 'CANCELLED'],
      [grpcStatus.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
      [grpcStatus.UNAVAILABLE, 'STORE_UNAVAILABLE'],
      [grpcStatus.UNIMPLEMENTED, 'CAPABILITY_UNSUPPORTED'],
      [grpcStatus.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
      [grpcStatus.DATA_LOSS, 'INTERNAL'],
    ] as const)
      expect(fromServiceError(transportError(code))).to.include({ reason, message: 'details' });
    expect(fromServiceError(transportError(grpcStatus.CANCELLED, ''))).to.include({ message: '1 ' });
  });

  it('is read in spite of details that are none', () => {
    for (const bytes of [Buffer.from([0xff, 0xff, 0xff]), Buffer.alloc(0)])
      expect(fromServiceError(transportError(grpcStatus.UNAVAILABLE, 'down', bytes)).reason).to.equal(
        'STORE_UNAVAILABLE',
      );
  });

  it('of a reason that is not known yet counts as a defect', () => {
    const status = toStatus(new SteplockError('FENCED', 'm'));
    const [bytes] = status.metadata.get('grpc-status-details-bin') as Buffer[];
    const changed = Buffer.from(bytes!.toString('latin1').replace('FENCED', 'FANCED'), 'latin1');
    expect(fromServiceError(transportError(status.code, 'm', changed)).reason).to.equal('INTERNAL');
  });
});
