import { expect } from 'chai';
import { PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { WorkflowHead } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { decodeChecked, type Decodable } from '../../../src/grpc/checked-decode.js';
import { planStep, stepSpec, workflowHead } from '../../support/records.js';

/** The message's bytes with one text in them replaced by bytes of the same length. */
function withBytes(message: Uint8Array, text: string, bytes: readonly number[]): Uint8Array {
  const copy = Buffer.from(message);
  const at = copy.indexOf(text);
  expect(at, text).to.be.at.least(0);
  expect(bytes).to.have.length(text.length);
  copy.set(bytes, at);
  return copy;
}

function refusal(type: Decodable<unknown>, bytes: Uint8Array): string {
  const decoded = decodeChecked(type, bytes);
  if (decoded.ok) return 'taken';
  return `${decoded.error.reason} ${decoded.error.metadata['field'] ?? ''}`;
}

describe('decodeChecked()', () => {
  it('gives the message, with every text as it was sent', () => {
    const spec = stepSpec('s', { text: 'ü 😀 \u0000 \uFEFF' });
    const decoded = decodeChecked(StepSpec, StepSpec.encode(spec).finish());
    expect(decoded).to.have.nested.property('message.action.value.arguments.text', 'ü 😀 \u0000 \uFEFF');
  });

  it('names the field whose bytes are no UTF-8, in the words of the proto', () => {
    const step = PlanStep.encode(planStep('s', { dependsOn: ['aa', 'bb'], undoMethod: 'undoing' })).finish();
    expect(refusal(PlanStep, withBytes(step, 'bb', [0xc3, 0x28]))).to.equal('INVALID_ENCODING depends_on[1]');
    expect(
      refusal(PlanStep, withBytes(step, 'undoing', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    ).to.equal('INVALID_ENCODING undo_method');
    const spec = StepSpec.encode(stepSpec('s', { deep: ['text'] })).finish();
    expect(refusal(StepSpec, withBytes(spec, 'text', [0x80, 0x80, 0x80, 0x80]))).to.equal(
      'INVALID_ENCODING call.arguments.deep[0]',
    );
  });

  it('finds broken bytes in keys, too', () => {
    const head = WorkflowHead.encode(workflowHead({ labels: { team: 'x' } })).finish();
    expect(refusal(WorkflowHead, withBytes(head, 'team', [0xff, 0xff, 0xff, 0xff]))).to.equal(
      'INVALID_ENCODING labels (a key of it)',
    );
  });

  it('refuses surrogates and overlong forms, which are no UTF-8 either', () => {
    const step = PlanStep.encode(planStep('abc')).finish();
    expect(refusal(PlanStep, withBytes(step, 'abc', [0xed, 0xa0, 0x80]))).to.equal('INVALID_ENCODING id');
    expect(refusal(PlanStep, withBytes(step, 'abc', [0xe0, 0x80, 0xaf]))).to.equal('INVALID_ENCODING id');
  });

  it('refuses a key that would get lost, and takes the same text as a value', () => {
    const asKey = WorkflowHead.encode(workflowHead({ labels: { aaaaaaaaa: 'x' } })).finish();
    const lost = withBytes(asKey, 'aaaaaaaaa', [...Buffer.from('__proto__')]);
    expect(refusal(WorkflowHead, lost)).to.equal('INVALID_FIELD labels (a key of it)');
    const asValue = WorkflowHead.encode(workflowHead({ labels: { team: '__proto__' } })).finish();
    expect(refusal(WorkflowHead, asValue)).to.equal('taken');
  });

  it('answers whatever it is sent', () => {
    const step = PlanStep.encode(planStep('s', { dependsOn: ['aa'] })).finish();
    for (let length = 1; length < step.length; length++) {
      const outcome = refusal(PlanStep, step.subarray(0, length));
      expect(outcome).to.be.oneOf(['taken', 'INVALID_ENCODING ']);
    }
    expect(refusal(PlanStep, Buffer.from([0x0a, 0x7f]))).to.equal('INVALID_ENCODING ');
    expect(refusal(PlanStep, Buffer.alloc(0))).to.equal('taken');
  });
});
