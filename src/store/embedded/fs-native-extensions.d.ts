/** What we use of it; the package brings no types. */
declare module 'fs-native-extensions' {
  /** Takes an advisory lock on the whole file without waiting; false when another open file has it. */
  export function tryLock(fd: number): boolean;
}
