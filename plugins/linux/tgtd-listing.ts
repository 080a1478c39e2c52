/**
 * Reads what tgtd shows of its targets and accounts. Pure. It is meant for people, so it is read with care:
 * lines that are not known are passed over, because versions differ, but what frames a target, a session or
 * a logical unit must be as it should, because a target that was not seen would be made again or given away.
 */

/** An initiator's session with a target. */
export interface Session {
  readonly id: number;
  readonly initiator: string;
  readonly connections: readonly number[];
}

/** A logical unit. */
export interface LogicalUnit {
  readonly lun: number;
  /** `disk`, or `controller` for LUN 0. */
  readonly type: string;
  readonly scsiId: string;
  readonly scsiSn: string;
  readonly isOnline: boolean;
  readonly isThin: boolean;
  /** Undefined for none. */
  readonly path: string | undefined;
}

/** A target. */
export interface Target {
  readonly tid: number;
  readonly name: string;
  /** `ready` or `offline`. */
  readonly state: string;
  readonly sessions: readonly Session[];
  readonly units: readonly LogicalUnit[];
  /** Accounts that initiators may log in with, in the order in which they were bound. */
  readonly accounts: readonly string[];
  /** Names and addresses that find it. */
  readonly acl: readonly string[];
}

type Section = 'system' | 'sessions' | 'units' | 'accounts' | 'acl';
interface Draft {
  tid: number;
  name: string;
  state: string;
  sessions: { id: number; initiator: string; connections: number[] }[];
  units: {
    -readonly [Name in keyof LogicalUnit]: LogicalUnit[Name];
  }[];
  accounts: string[];
  acl: string[];
}

const sections = new Map<string, Section>([
  ['System information:', 'system'],
  ['I_T nexus information:', 'sessions'],
  ['LUN information:', 'units'],
  ['Account information:', 'accounts'],
  ['ACL information:', 'acl'],
]);

/**
 * Reads `--op show --mode target`.
 *
 * @throws Error when the text is not such a listing.
 */
export function parseTargets(text: string): Target[] {
  const targets: Draft[] = [];
  let section: Section | undefined;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    if (!line.startsWith(' ')) {
      targets.push(beginTarget(line));
      section = undefined;
      continue;
    }
    const target = targets.at(-1);
    if (target === undefined) throw damaged(line);
    const indent = line.length - line.trimStart().length;
    if (indent === 4) section = sections.get(line.trim());
    else if (section !== undefined) readLine(target, section, indent, line.trim());
  }
  return targets;
}

/** Reads `--op show --mode account`: names of accounts. */
export function parseAccounts(text: string): string[] {
  const [head, ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  if (head === undefined) return [];
  if (head !== 'Account list:') throw damaged(head);
  return lines.map((line) => line.trim());
}

function beginTarget(line: string): Draft {
  const match = /^Target ([0-9]+): (.+)$/.exec(line);
  if (match === null) throw damaged(line);
  const [, tid, name = ''] = match;
  return { tid: Number(tid), name, state: '', sessions: [], units: [], accounts: [], acl: [] };
}

function readLine(target: Draft, section: Section, indent: number, line: string): void {
  switch (section) {
    case 'system':
      target.state = valueOf(line, 'State') ?? target.state;
      break;
    case 'sessions':
      readSession(target, indent, line);
      break;
    case 'units':
      readUnit(target, indent, line);
      break;
    case 'accounts':
      // The other kind lets the target prove itself to the initiator.
      if (!line.endsWith(' (outgoing)')) target.accounts.push(line);
      break;
    case 'acl':
      target.acl.push(line);
      break;
  }
}

function readSession(target: Draft, indent: number, line: string): void {
  if (indent === 8) {
    const id = numberOf(line, 'I_T nexus');
    target.sessions.push({ id, initiator: '', connections: [] });
    return;
  }
  const session = target.sessions.at(-1);
  if (session === undefined) throw damaged(line);
  const initiator = valueOf(line, 'Initiator');
  if (initiator !== undefined) session.initiator = initiator.replace(/ alias: .*$/, '');
  if (line.startsWith('Connection: ')) session.connections.push(numberOf(line, 'Connection'));
}

function readUnit(target: Draft, indent: number, line: string): void {
  if (indent === 8) {
    const lun = numberOf(line, 'LUN');
    target.units.push({
      ...{ lun, type: '', scsiId: '', scsiSn: '', isOnline: false, isThin: false, path: undefined },
    });
    return;
  }
  const unit = target.units.at(-1);
  if (unit === undefined) throw damaged(line);
  unit.type = valueOf(line, 'Type') ?? unit.type;
  unit.scsiId = valueOf(line, 'SCSI ID') ?? unit.scsiId;
  unit.scsiSn = valueOf(line, 'SCSI SN') ?? unit.scsiSn;
  if (line === 'Online: Yes') unit.isOnline = true;
  if (line === 'Thin-provisioning: Yes') unit.isThin = true;
  const path = valueOf(line, 'Backing store path');
  if (path !== undefined && path !== 'None') unit.path = path;
}

function valueOf(line: string, name: string): string | undefined {
  return line.startsWith(`${name}: `) ? line.slice(name.length + 2) : undefined;
}

function numberOf(line: string, name: string): number {
  const value = valueOf(line, name);
  if (value === undefined || !/^[0-9]+$/.test(value)) throw damaged(line);
  return Number(value);
}

function damaged(line: string): Error {
  return new Error(`tgtd shows a line that its listing should not have here: ${line}`);
}
