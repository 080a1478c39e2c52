/** SOAP as a vCenter wants it: fields in the schema's order, types by namespace, nothing guessed. */
import { expect } from 'chai';
import { typeTable } from '../../plugins/vsphere/soap/decode.js';
import { decodeAnswer, encodeCall, query } from '../../plugins/vsphere/soap/method.js';
import {
  any,
  boolean,
  complex,
  int,
  long,
  many,
  one,
  optional,
  string,
} from '../../plugins/vsphere/soap/types.js';
import { disks } from '../../plugins/vsphere/vim/disk.js';
import { hostTypes } from '../../plugins/vsphere/vim/host.js';
import { property } from '../../plugins/vsphere/vim/property.js';

const options = { namespace: 'urn:vim25' };
const manager = { type: 'VcenterVStorageObjectManager', value: 'VStorageObjectManager' };
const datastore = { type: 'Datastore', value: 'datastore-1' };

const create = (spec: object): string =>
  encodeCall(options, manager, disks.create, { spec } as never).replace(/^.*<soapenv:Body>/s, '');

const answerOf = (content: string, prefix = 'xsi'): string =>
  `<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:${prefix}="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XMLSchema"><e:Body>${content}</e:Body></e:Envelope>`;

const Thing = complex('Thing', {
  name: one(string),
  size: optional(long),
  on: optional(boolean),
  tags: many(string),
});
const getThing = query('GetThing', {}, Thing);
const getAny = query('GetAny', {}, any);
const thingOf = (fields: string): unknown =>
  decodeAnswer(
    typeTable([]),
    getThing,
    answerOf(`<GetThingResponse xmlns="urn:vim25"><returnval>${fields}</returnval></GetThingResponse>`),
  );
const anyOf = (value: string, prefix?: string): unknown =>
  decodeAnswer(
    typeTable(hostTypes),
    getAny,
    answerOf(`<GetAnyResponse xmlns="urn:vim25">${value}</GetAnyResponse>`, prefix),
  );

describe('vsphere: SOAP', () => {
  it('writes fields in the schema’s order, whatever order the object has', () => {
    const text = create({
      metadata: [{ value: 'v', key: 'k' }],
      capacityInMB: 5n,
      backingSpec: { provisioningType: 'thin', datastore, $type: 'VslmCreateSpecDiskFileBackingSpec' },
      name: 'a',
    });
    expect(text.match(/<(\w+)[ >]/g)).to.deep.equal(
      [
        'CreateDisk_Task',
        '_this',
        'spec',
        'name',
        'backingSpec',
        'datastore',
        'provisioningType',
        'capacityInMB',
      ]
        .concat(['metadata', 'key', 'value'])
        .map((name) =>
          /^(name|capacityInMB|provisioningType|key|value|spec|metadata)$/.test(name)
            ? `<${name}>`
            : `<${name} `,
        ),
    );
  });

  it('names the type of a field that may hold several', () => {
    const text = create({
      name: 'a',
      backingSpec: { $type: 'VslmCreateSpecDiskFileBackingSpec', datastore },
      capacityInMB: 5n,
    });
    expect(text).to.match(/<backingSpec [^>]*xsi:type="VslmCreateSpecDiskFileBackingSpec"/);
  });

  it('escapes what is markup', () => {
    const text = create({
      name: `<a&"b'>`,
      backingSpec: { $type: 'VslmCreateSpecBackingSpec', datastore },
      capacityInMB: 5n,
    });
    expect(text).to.contain(`<name>&lt;a&amp;"b'&gt;</name>`);
  });

  const refused: readonly [what: string, spec: object, message: RegExp][] = [
    ['a field that is missing', { capacityInMB: 5n }, /^CreateDisk_Task\.spec\.name: is required$/],
    [
      'a field that there is not',
      { name: 'a', nmae: 'b' },
      /^CreateDisk_Task\.spec\.nmae: there is no such field$/,
    ],
    [
      'a number where it must be a bigint',
      { name: 'a', backingSpec: { $type: 'VslmCreateSpecBackingSpec', datastore }, capacityInMB: 5 },
      /capacityInMB: must be a bigint$/,
    ],
    [
      'a type that does not fit there',
      { name: 'a', backingSpec: { $type: 'VmfsSpec', datastore } },
      /backingSpec\.\$type: is none of/,
    ],
    ['text that XML cannot hold', { name: 'a\u0000' }, /spec\.name: has a character that XML cannot hold$/],
  ];
  for (const [what, spec, message] of refused) {
    it(`refuses ${what}, and names it`, () => {
      expect(() => create(spec)).to.throw(message);
    });
  }

  it('reads a list of one as a list, and 64 bits as they are', () => {
    expect(thingOf('<name>a</name><size>9223372036854775807</size><on>1</on><tags>t</tags>')).to.deep.equal({
      result: { name: 'a', size: 9223372036854775807n, on: true, tags: ['t'] },
    });
  });

  it('passes over what newer servers add', () => {
    expect(thingOf('<name>a</name><newer><deep>1</deep></newer>')).to.deep.equal({
      result: { name: 'a', tags: [] },
    });
  });

  it('says which field of an answer is missing, or is not what it must be', () => {
    expect(() => thingOf('<size>1</size>')).to.throw('GetThing.returnval.name is missing');
    expect(() => thingOf('<name>a</name><size>many</size>')).to.throw('GetThing.returnval.size: "many"');
  });

  for (const prefix of ['xsi', 'XMLSchema-instance', '_XMLSchema-instance']) {
    it(`finds types by their namespace, under the prefix ${prefix} too`, () => {
      const value = `<returnval ${prefix}:type="HostInternetScsiHba"><device>vmhba64</device><bus>1</bus><status>online</status><model>m</model><iScsiName>iqn.1</iScsiName></returnval>`;
      expect(anyOf(value, prefix)).to.have.nested.property('result.iScsiName', 'iqn.1');
    });
  }

  it('reads a reference in a property by its own type, not by the one that says that it is a reference', () => {
    const value = '<returnval type="Datastore" xsi:type="ManagedObjectReference">datastore-1</returnval>';
    expect(anyOf(value)).to.deep.equal({ result: datastore });
  });

  it('reads arrays of simple values, of references, and of objects with extensions among them', () => {
    expect(anyOf('<returnval xsi:type="ArrayOfString"><string>a</string></returnval>')).to.deep.equal({
      result: ['a'],
    });
    expect(
      anyOf(
        '<returnval xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="Datastore">datastore-1</ManagedObjectReference></returnval>',
      ),
    ).to.deep.equal({ result: [datastore] });
  });

  it('keeps what it has no description of', () => {
    expect(anyOf('<returnval xsi:type="Newest"><a>1</a><b><c>2</c></b></returnval>')).to.deep.equal({
      result: {
        $type: 'Newest',
        $fields: [
          ['a', '1'],
          ['b', { $type: '', $fields: [['c', '2']] }],
        ],
      },
    });
  });

  it('tells the class of a fault by its type, and keeps its fields', () => {
    const fault =
      '<e:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Im Gebrauch</faultstring><detail><ResourceInUseFault xmlns="urn:vim25" xsi:type="ResourceInUse"><type>Datastore</type><name>ds</name></ResourceInUseFault></detail></e:Fault>';
    expect(decodeAnswer(typeTable([]), getThing, answerOf(fault))).to.deep.equal({
      fault: {
        type: 'ResourceInUse',
        message: 'Im Gebrauch',
        detail: {
          $type: 'ResourceInUse',
          $fields: [
            ['type', 'Datastore'],
            ['name', 'ds'],
          ],
        },
      },
    });
  });

  it('gives nothing for an answer without a value where that may be, and refuses it elsewhere', () => {
    const empty = (name: string): string => answerOf(`<${name}Response xmlns="urn:vim25"/>`);
    expect(decodeAnswer(typeTable([]), property.waitForUpdates, empty('WaitForUpdatesEx'))).to.deep.equal({
      result: undefined,
    });
    expect(() => decodeAnswer(typeTable([]), getThing, empty('GetThing'))).to.throw(
      'GetThing: the answer has no value',
    );
  });

  const noAnswers: readonly [what: string, text: string][] = [
    ['nothing', ''],
    ['a page', '<html><body>Bad gateway</body></html>'],
    ['a cut document', answerOf('<GetThingResponse/>').slice(0, -20)],
    [
      'a document type with entities',
      `<!DOCTYPE a [<!ENTITY b "c">]>${answerOf('<GetThingResponse/>').slice(21)}`,
    ],
    ['the answer to another call', answerOf('<LogoutResponse xmlns="urn:vim25"/>')],
  ];
  for (const [what, text] of noAnswers) {
    it(`takes ${what} for no answer`, () => {
      expect(() => decodeAnswer(typeTable([]), getThing, text))
        .to.throw()
        .with.property('name', 'XmlError');
    });
  }

  it('types values by the descriptions', () => {
    const Sized = complex('Sized', { size: one(int), note: optional(string) });
    const method = query('Sized', { a: one(Sized) }, Sized);
    // @ts-expect-error a string is no int
    expect(() => encodeCall(options, manager, method, { a: { size: 'large' } })).to.throw('must be a number');
    // @ts-expect-error size is required
    expect(() => encodeCall(options, manager, method, { a: { note: 'x' } })).to.throw('is required');
  });
});
