/** How often a property is tried. `RUNS=50` in the environment tries each that many times as often, for a long night. */
const factor = Number(process.env['RUNS'] ?? '1');

/** Parameters for `fc.assert`: so many tries, or more if the environment says so. */
export function runs(count: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(count * factor) };
}
