/** Builds the vCenter simulator if it is not there, and gives its path. */
export declare function ensureVCenter(): Promise<string>;
