/** The systems under test. An adapter of one's own joins by being added here. */
import type { Subject } from '../bench.js';
import { agentSubject } from './agent.js';
import { linuxSubject } from './linux.js';
import { simulatorSubject } from './simulator.js';

/** New ones: each describe() closes its own. */
export function listSubjects(): readonly Subject[] {
  return [
    linuxSubject(),
    simulatorSubject('simulator'),
    simulatorSubject('simulator with jobs', { jobMs: 15, latencyMs: 2 }),
    agentSubject(),
  ];
}
