/** Durations and times of the wire as milliseconds. */

/** `google.protobuf.Duration` as generated: whole seconds as text, and nanoseconds. */
export interface WireDuration {
  readonly seconds: string;
  readonly nanos: number;
}

/** Milliseconds, rounded to whole ones. */
export function durationToMs(duration: WireDuration): number {
  return Math.round(Number(duration.seconds) * 1_000 + duration.nanos / 1e6);
}

/** A duration of so many milliseconds. */
export function msToDuration(ms: number): { seconds: string; nanos: number } {
  const seconds = Math.trunc(ms / 1_000);
  return { seconds: String(seconds), nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}

/** A moment by wall clock, or undefined for 0, which stands for none. */
export function msToDate(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}
