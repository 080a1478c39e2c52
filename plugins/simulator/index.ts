/** Simulated arrays. See README.md. */
export { createSimulatorAdapter } from './adapter.js';
export type { SimulatorAdapter } from './adapter.js';
export { SimulatedArray } from './array.js';
export type { FaultRule, SimulatedPool, SimulatedPort, SimulatedSystem } from './options.js';
export type { ArrayState, EffectEntry, SimulatedSnapshot, SimulatedVolume } from './state.js';
