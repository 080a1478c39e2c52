/**
 * Names of initiators: read as people and systems write them, kept in one form, written as each kind of system wants
 * them. Pure.
 *
 * - Fibre Channel: WWPN of 8 bytes (FC-FS-6, "Name_Identifier formats"), with or without the WWNN: 16 or 32 digits, in
 *   pairs with colons or hyphens, or with `0x`. Of 32 digits the first half is the WWNN, as VNX and Unity write it.
 * - iSCSI: IQN and EUI (RFC 7143, section 4.2.7), case folded to lower (RFC 3722); at most 223 bytes.
 * - NVMe: NQN (NVM Express Base Specification 2.0, section 4.5), at most 223 bytes. Compared byte by byte there; systems
 *   that Steplock drives want it in lower case.
 */

/** By which an initiator reaches systems. */
export type InitiatorProtocol = 'iscsi' | 'fc' | 'nvme-tcp';

/** An initiator in the one form that is kept. */
export interface InitiatorName {
  readonly protocol: InitiatorProtocol;
  /** IQN, EUI or NQN in lower case; WWPN as 16 hexadecimal digits in lower case. What storage controllers take. */
  readonly address: string;
  /** Of Fibre Channel: the WWNN in the same form; empty if it is not known. */
  readonly nodeWwn: string;
}

/** How a name is written: the canonical address, or as a kind of system wants a WWN. */
export type InitiatorStyle = 'plain' | 'colons' | '0x' | 'node-and-port';

/** The longest name (RFC 7143, NVMe). */
const lengthMax = 223;
const iqnPattern = /^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$/;
const euiPattern = /^eui\.[0-9a-f]{16}$/;
const nqnPattern = /^nqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$/;

/** The name, or what is wrong with it. */
export type ParsedInitiator = InitiatorName | { readonly rule: string };

/** Reads a name; `nodeWwn` is that of a WWPN, if it is known. */
export function parseInitiator(text: string, nodeWwn = ''): ParsedInitiator {
  const name = text.trim().toLowerCase();
  if (Buffer.byteLength(name) > lengthMax) return { rule: `must have at most ${lengthMax} bytes` };
  const named = parseNamed(name);
  if (named !== undefined) return nodeWwn === '' ? named : { rule: 'has a node WWN and is no WWPN' };
  return parseWwn(name, nodeWwn);
}

function parseNamed(address: string): InitiatorName | undefined {
  if (iqnPattern.test(address) || euiPattern.test(address))
    return { protocol: 'iscsi', address, nodeWwn: '' };
  return nqnPattern.test(address) ? { protocol: 'nvme-tcp', address, nodeWwn: '' } : undefined;
}

function parseWwn(text: string, node: string): ParsedInitiator {
  const digits = digitsOf(text);
  if (digits === undefined || (digits.length !== 16 && digits.length !== 32)) {
    return {
      rule: 'must be an IQN, EUI or NQN, or a WWPN of 16 hexadecimal digits (32 with the WWNN first)',
    };
  }
  const address = digits.slice(-16);
  const before = digits.slice(0, -16);
  const given = node === '' ? '' : digitsOf(node.trim().toLowerCase());
  if (given === undefined || (given !== '' && given.length !== 16))
    return { rule: 'must have a node WWN of 16 hexadecimal digits' };
  if (before !== '' && given !== '' && before !== given) return { rule: 'has two different node WWNs' };
  const nodeWwn = before === '' ? given : before;
  if (isZero(address) || (nodeWwn !== '' && isZero(nodeWwn))) return { rule: 'must not be all zeros' };
  return { protocol: 'fc', address, nodeWwn };
}

/** The digits of a WWN however it is written; undefined if it is none. */
function digitsOf(text: string): string | undefined {
  const bare = text.startsWith('0x') ? text.slice(2) : text;
  if (/^[0-9a-f]+$/.test(bare)) return bare;
  const isPaired = /^[0-9a-f]{2}(:[0-9a-f]{2})+$/.test(bare) || /^[0-9a-f]{2}(-[0-9a-f]{2})+$/.test(bare);
  return isPaired && !text.startsWith('0x') ? bare.replace(/[:-]/g, '') : undefined;
}

function isZero(digits: string): boolean {
  return /^0+$/.test(digits);
}

/**
 * The name as a kind of system writes it: `plain` (PowerMax), `colons` (ONTAP, PowerStore), `0x` (VPLEX), or
 * `node-and-port` with colons (VNX, Unity). Names that are no WWN are the same everywhere. Undefined where the style needs
 * a WWNN that is not known.
 */
export function renderInitiator(name: InitiatorName, style: InitiatorStyle): string | undefined {
  const { protocol, address, nodeWwn } = name;
  if (protocol !== 'fc') return address;
  switch (style) {
    case 'plain':
      return address;
    case 'colons':
      return withColons(address);
    case '0x':
      return `0x${address}`;
    case 'node-and-port':
      return nodeWwn === '' ? undefined : withColons(nodeWwn + address);
  }
}

function withColons(digits: string): string {
  return (digits.match(/../g) ?? []).join(':');
}
