/**
 * The public entry `steplock/storage-controller`: what an author of an adapter for storage systems needs beside
 * `steplock/controller`, and what an author of plans over them does. See src/storage/facets.ts for the rules.
 */
export * from './storage/index.js';
